"""The reference of learners: what `nogd show` says, a learning curve, and the code."""

from __future__ import annotations

import inspect
import sys
from dataclasses import replace
from pathlib import Path

from nogd.cli.description import Description, describe
from nogd.plugins.manager import plugins
from nogd.plugins.registry import Entry
from nogd.report.results import Results
from pages.comparison import FORWARDS, REPETITIONS, TASK
from pages.drawing import curves
from pages.markdown import block, code, folded, page, prose, table
from pages.sensitivity import sensitivity

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
COMPANY = ("random-search", "adam")
"""Beside whom a learner is drawn."""


def pages(results: Results) -> dict[str, str]:
    """A list of all learners, and one page each."""
    entries = sorted(plugins().learners, key=lambda entry: (not entry.source.builtin, entry.name))
    made = {f"reference/learners/{entry.name}.md": _learner(entry, results) for entry in entries}
    return made | {"reference/learners/index.md": _overview(entries)}


def _overview(entries: list[Entry]) -> str:
    rows = [
        (
            f"[{entry.name}]({entry.name}.md)",
            entry.summary,
            entry.access,
            ", ".join(entry.tags),
            code(entry.source.package),
        )
        for entry in entries
    ]
    names = "\n".join(entry.name for entry in entries)
    return page(
        "Learners",
        "Ways to train a network. `nogd list learners` shows those that are installed.",
        table(["name", "what it does", "access", "tags", "package"], rows),
        f"```{{toctree}}\n:hidden:\n\n{names}\n```",
    )


def _learner(entry: Entry, results: Results) -> str:
    about = describe(entry)
    return page(
        entry.name,
        prose(about.text),
        _settings(about),
        f"## Use it\n\n{_use(entry, about)}",
        f"## A learning curve\n\n{_curve(entry.name, results)}",
        sensitivity(entry.name),
        f"## Code\n\n{_code(entry)}",
    )


def _settings(about: Description) -> str:
    rows = [
        (code(s.name), code(s.type), code(s.default), code(s.range), s.meaning) for s in about.settings or ()
    ]
    header = ["name", "type", "default", "range", "meaning"]
    return "## Hyper-parameters\n\n" + (table(header, rows) or "It has none.")


def _use(entry: Entry, about: Description) -> str:
    facts = ((name, about.facts.get(name)) for name in ("needs", "uses"))
    needed = " ".join(
        f"{name.capitalize()}: {', '.join(map(str, found))}."
        for name, found in facts
        if isinstance(found, list) and found
    )
    package = "It comes with nogd." if entry.source.builtin else _package(entry.source.package)
    first = next(
        (f",{s.name}={s.default}" for s in about.settings or () if s.default not in ("", "None")), ""
    )
    chosen = [f"{entry.name}{first}".replace("'", ""), *(name for name in COMPANY if name != entry.name)]
    line = f"nogd run -l {' -l '.join(chosen)} -t {TASK}"
    return "\n\n".join(filter(None, [" ".join(filter(None, [package, needed])), block(line, "sh")]))


def _package(name: str) -> str:
    """Where the learner is from, and where it is told what it was checked against."""
    if not (PLUGINS / name / "README.md").is_file():
        return f"It is in the package `{name}`."
    return (
        f"It is in the package `{name}`, [whose page](path:../../../plugins/{name}/README.md) says what it was checked"
        " against, and where its defaults come from."
    )


def _curve(name: str, results: Results) -> str:
    shown = sorted({name, *COMPANY})
    chosen = replace(
        results,
        runs=results.runs[results.runs["learner"].isin(shown)],
        curves=results.curves[results.curves["learner"].isin(shown)],
    )
    told = (
        f"On `{TASK}`, {FORWARDS:,} forwards, {REPETITIONS} repetitions; the line is the mean of the middle half, the "
        "band reaches from the lowest to the highest. Drawn by nogd when this page was built."
    )
    return f"{curves(chosen, TASK, name)}\n\n{told}"


def _code(entry: Entry) -> str:
    module = sys.modules[entry.load().__module__]
    return folded(f"{module.__name__}, {entry.source.describe()}", block(inspect.getsource(module), "python"))
