"""All that is known of one run, for the terminal: how it ended, its settings, source, machine, and its curve."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pandas import DataFrame

from nogd.report.drawing.canvas import plain
from nogd.report.names import counted, short_name
from nogd.report.numbers.origins import budget_told, sessions, settings_told
from nogd.report.numbers.tables import ResultsLike

_POINTS = 12
_CURVE = ("forwards", "seconds", "flops", "loss", "metric", "test_metric")
_WORTHS = ("loss", "best_loss", "metric", "validation_loss", "test_loss", "test_metric")
_COSTS = (
    "forwards",
    "evaluations",
    "gradients",
    "flops",
    "seconds",
    "cpu_seconds",
    "overhead_seconds",
    "memory_mb",
)


def run_text(results: ResultsLike, id_: str, out: str) -> str:
    """The run with this id, which must be there; out: the folder as the user wrote it, for the command."""
    row = results.runs[results.runs["id"] == id_].iloc[0].to_dict()
    facts = [*_facts(row), *_machine(results, row), ("repeat", f"nogd rerun {id_}{_folder(out)}")]
    width = max(len(name) for name, _ in facts)
    lines = [f"{short_name(row['learner'])} on {short_name(row['task'])}, repetition {row['repetition']}", ""]
    lines += [f"{name:<{width}}  {value}" for name, value in facts]
    lines += ["", _curve(results.curves[results.curves["id"] == id_])]
    traceback = str(row.get("traceback") or "").rstrip()
    return "\n".join([*lines, *(["", traceback] if traceback else [])])


def _folder(out: str) -> str:
    return "" if out == "nogd-runs" else f" --out {shlex.quote(out)}"


def _facts(row: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    yield "id", str(row["id"])
    reason = f": {short_name(row['reason'], 200)}" if row["reason"] else ""
    yield "status", f"{row['status']}{reason}"
    yield "settings", settings_told(row["hyper"]) or "none"
    yield "budget", budget_told(row["budget"]) or "none"
    yield "source", f"{row['package']} {row['version']}; task version {row['task_version']}"
    for name, columns in (("reached", _WORTHS), ("spent", _COSTS)):
        told = [f"{column} {plain(float(row[column]))}" for column in columns if _known(row.get(column))]
        yield name, ", ".join(told) or "nothing"
    yield (
        "made",
        f"{row['started']} to {row['finished']}, {counted(int(row['threads']), 'thread')} on {row['device']}",
    )


def _known(value: Any) -> bool:
    return value is not None and bool(np.isfinite(float(value)))


def _machine(results: ResultsLike, row: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """The environment of the session that made it."""
    mine = [each for each in results.meta.get("sessions") or () if each.get("id") == row.get("session")]
    for facts in sessions({"sessions": mine}, results.runs):
        yield from (
            (name, short_name(value, 2000)) for name, value in facts if name not in ("started", "settings")
        )


def _curve(points: DataFrame) -> str:
    """At most a dozen points, evenly from the first to the last."""
    if points.empty:
        return "It has left no curve."
    ordered = points.sort_values("forwards", kind="stable")
    chosen = np.unique(np.linspace(0, len(ordered) - 1, _POINTS).round().astype(int))
    shown = ordered.iloc[chosen][list(_CURVE)].dropna(axis=1, how="all")
    table = shown.map(plain).to_string(index=False)
    return f"Its curve, {len(chosen)} of {len(ordered)} points:\n{table}"
