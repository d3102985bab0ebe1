"""All that is known of one run, for the terminal: how it ended, its settings, source, machine, and its curve."""

from __future__ import annotations

import shlex

from pandas import DataFrame

from nogd.report.drawing.canvas import plain
from nogd.report.forms.run_facts import environment, facts, some_points, title, traceback
from nogd.report.numbers.tables import ResultsLike

_POINTS = 12


def run_text(results: ResultsLike, id_: str, out: str) -> str:
    """The run with this id, which must be there; out: the folder as the user wrote it, for the command."""
    row = results.runs[results.runs["id"] == id_].iloc[0].to_dict()
    told = [
        *facts(row),
        *environment(results, row.get("session")),
        ("repeat", f"nogd rerun {id_}{_folder(out)}"),
    ]
    width = max(len(name) for name, _ in told)
    lines = [title(row), "", *(f"{name:<{width}}  {value}" for name, value in told)]
    lines += ["", _curve(results.curves[results.curves["id"] == id_])]
    failed = traceback(row)
    return "\n".join([*lines, *(["", failed] if failed else [])])


def _folder(out: str) -> str:
    return "" if out == "nogd-runs" else f" --out {shlex.quote(out)}"


def _curve(points: DataFrame) -> str:
    if points.empty:
        return "It has left no curve."
    shown = some_points(points, _POINTS)
    table = shown.map(plain).to_string(index=False)
    return f"Its curve, {len(shown)} of {len(points)} points:\n{table}"
