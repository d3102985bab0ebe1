"""The directory of plugin packages: what lies under plugins/."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path

from nogd.plugins.manager import plugins
from nogd.plugins.registry import KINDS
from pages.markdown import block, code, page, table

INTRO = """
Packages developed and tested together with the core. Others are on the Python package index: search it for "nogd-". A
plugin is code that runs as you; read [trust](../trust.md) before you install one that you do not know.
"""
MORE = """
## Add yours

[Write a learner](../tutorials/learner.md), [publish it](../tutorials/publish.md), and send a change that adds it here.
"""


def pages(folder: Path) -> dict[str, str]:
    """One page with every package."""
    parts = [_package(file) for file in sorted(folder.glob("*/pyproject.toml"))]
    return {"reference/plugins.md": page("Plugin directory", INTRO, *parts, MORE)}


def _package(file: Path) -> str:
    project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    readme = f"[README](path:../../plugins/{file.parent.name}/README.md)"
    return "\n\n".join(
        [
            f"## {project['name']}",
            f"{project['description']} Version {project['version']}. {readme}.",
            table(["name", "kind", "what it is"], [*_offers(project["name"]), *_observers(project["name"])]),
            "From the folder of nogd's sources:",
            block(f"pip install -c constraints.txt . ./plugins/{file.parent.name}", "sh"),
        ]
    )


def _offers(distribution: str) -> list[tuple[str, str, str]]:
    return [
        (_linked(kind, entry.name), kind, entry.summary)
        for kind in KINDS
        for entry in plugins().registry(kind)
        if entry.source.distribution == distribution
    ]


def _observers(distribution: str) -> list[tuple[str, str, str]]:
    return [
        (code(info.name), "observer", _summary(plugins().manager.get_plugin(info.name)))
        for info in plugins().infos
        if info.source.distribution == distribution and "nogd_point" in info.hooks
    ]


def _summary(plugin: object) -> str:
    """Its own, or the first line of a module's docstring."""
    return getattr(plugin, "summary", (inspect.getdoc(plugin) or "").partition("\n")[0])


def _linked(kind: str, name: str) -> str:
    return f"[{name}]({kind}s/{name}.md)" if kind in {"learner", "task"} else code(name)
