"""All that is known of one run, in words and numbers: for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pandas import DataFrame

from nogd.report.drawing.canvas import plain
from nogd.report.names import counted, short_name
from nogd.report.numbers.origins import budget_told, sessions, settings_told
from nogd.report.numbers.tables import ResultsLike

Row = Mapping[Any, Any]
CURVE = ("forwards", "seconds", "flops", "loss", "metric", "test_metric")
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


def title(row: Row) -> str:
    """Which run it is, for people."""
    return f"{short_name(row['learner'])} on {short_name(row['task'])}, repetition {row['repetition']}"


def facts(row: Row) -> Iterator[tuple[str, str]]:
    """How it ended, its settings, budget and source, what it reached and spent, and when: names and values."""
    yield "id", str(row["id"])
    reason = f": {short_name(row['reason'], 200)}" if row["reason"] else ""
    yield "status", f"{row['status']}{reason}"
    yield "settings", (settings_told(row["hyper"]) if row["hyper"] else "") or "none"
    yield "budget", (budget_told(row["budget"]) if row["budget"] else "") or "none"
    source = " ".join(str(row[name]) for name in ("package", "version") if row[name])
    yield "source", f"{source or _UNKNOWN}; task version {_plain(row['task_version'])}"
    for name, columns in (("reached", _WORTHS), ("spent", _COSTS)):
        told = [f"{column} {plain(float(row[column]))}" for column in columns if _known(row.get(column))]
        yield name, ", ".join(told) or "nothing"
    threads = counted(int(row["threads"]), "thread") if _known(row["threads"]) else "threads not known"
    when = f"{row['started'] or _UNKNOWN} to {row['finished'] or _UNKNOWN}"
    yield "made", f"{when}, {threads} on {row['device'] or 'a device not known'}"


_UNKNOWN = "not known"


def _plain(value: Any) -> str:
    return f"{float(value):.0f}" if _known(value) else _UNKNOWN


def _known(value: Any) -> bool:
    return value is not None and bool(np.isfinite(float(value)))


def environment(results: ResultsLike, session: object) -> list[tuple[str, str]]:
    """The machine and the versions of a session, as names and values; empty where it is not known."""
    mine = [each for each in results.meta.get("sessions") or () if each.get("id") == session]
    return [
        (name, short_name(value, 2000))
        for told in sessions({"sessions": mine}, results.runs)
        for name, value in told
        if name not in ("started", "settings")
    ]


def traceback(row: Row) -> str:
    """Where it failed; empty if it did not."""
    return str(row.get("traceback") or "").rstrip()


def some_points(curve: DataFrame, most: int) -> DataFrame:
    """At most so many points of a run's curve, evenly from the first to the last, in the columns that have values."""
    ordered = curve.sort_values("forwards", kind="stable")
    chosen = np.unique(np.linspace(0, max(len(ordered) - 1, 0), most).round().astype(int))[: len(ordered)]
    return ordered.iloc[chosen][list(CURVE)].dropna(axis=1, how="all")
