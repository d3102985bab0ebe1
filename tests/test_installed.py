"""The packages under plugins/ that are installed here, one alone or all together: what their own tests cannot show.

In the environments of tox that have such packages.
"""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest

from nogd.plugins.manager import Plugins

KINDS = ("learners", "tasks", "datasets", "losses", "metrics", "executors", "figures")
FOLDERS = {
    file.parent.name: file.parent for file in Path(__file__).parents[1].glob("plugins/*/pyproject.toml")
}
HERE = sorted(FOLDERS.keys() & {found.name for found in metadata.distributions()})
"""Those of them that are installed: toxfile.py says which."""
PARTS = [
    (name, ".".join(file.relative_to(FOLDERS[name] / "src").with_suffix("").parts).removesuffix(".__init__"))
    for name in HERE
    for file in sorted(FOLDERS[name].glob("src/**/*.py"))
]
"""Each module of each of them."""

# Arguments: names of modules. Each is imported by a process of its own, forked from one that has imported none of them.
IMPORTS = """
import os, sys, traceback
import nogd, torch
for name in sys.argv[1:]:
    sys.stdout.flush()
    if os.fork() == 0:
        try:
            __import__(name)
        except BaseException:
            print("cannot be imported alone:", name)
            traceback.print_exc()
            sys.stdout.flush()
        os._exit(0)
    os.wait()
"""


def test_each_is_found_and_none_is_broken():
    found = Plugins()
    found.ask_all()
    told = {info.source.distribution: info.error for info in found.infos if not info.source.builtin}
    assert HERE, "pip install -e plugins/nogd-local"
    assert told == dict.fromkeys(HERE, "")
    for name in HERE:
        declared = tomllib.loads((FOLDERS[name] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        entry_points = metadata.distribution(name).entry_points.select(group="nogd")
        assert {each.name: each.value for each in entry_points} == declared["entry-points"]["nogd"]


def test_each_offers_something_or_observes():
    offering = {entry.source.distribution for kind in KINDS for entry in getattr(Plugins(), kind)}
    observing = {info.source.distribution for info in Plugins().infos if "nogd_point" in info.hooks}
    assert offering | observing >= set(HERE)


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_is_its_owners_alone_and_loads(kind):
    registry = getattr(Plugins(), kind)
    for entry in registry:
        assert registry.shown_name(entry) == entry.name
        entry.load()


def test_every_module_can_be_imported_before_all_others():
    names = [module for _, module in PARTS]
    done = subprocess.run([sys.executable, "-c", IMPORTS, *names], capture_output=True, text=True, check=True)
    assert done.stdout == "", done.stderr


@pytest.mark.parametrize(("package", "module"), PARTS)
def test_what_a_module_imports_its_package_requires(package, module):
    named = [re.match(r"[\w.-]+", text) for text in metadata.requires(package) or ()]
    required = {canonical(found[0]) for found in named if found}
    own = module.partition(".")[0]
    for name in (
        {name.partition(".")[0] for name in imported(package, module)} - sys.stdlib_module_names - {own}
    ):
        assert required & set(map(canonical, owners().get(name, [name]))), (
            f"{name} is missing in the dependencies"
        )


@functools.cache
def owners() -> Mapping[str, list[str]]:
    """The distributions that have a module of a name; to ask takes a second."""
    return metadata.packages_distributions()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(package: str, module: str) -> Iterator[str]:
    path = FOLDERS[package].joinpath("src", *module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
