"""Who is best on which task: the final metric, task by learner."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from pandas import DataFrame

from nogd.report.drawing.canvas import plain
from nogd.report.figure import Comparison, Drawn, Figure
from nogd.report.names import counted, listed, short_name
from nogd.report.numbers.statistics import band, interquartile_mean


def draw(comparison: Comparison) -> Drawn | str:
    """A table of interquartile means with their bands, the best of each task with a star; or why there is none."""
    data = summary(comparison)
    if data.empty:
        return "No learner here has run on a task that it can do."
    return Drawn(None, data, _finding(data), table=_table(comparison, data))


def summary(comparison: Comparison) -> DataFrame:
    """One row per task and learner: metric, interquartile mean, low, high, runs, failures, best."""
    names = dict(zip(comparison.runs["task"], comparison.runs["metric_name"], strict=True))
    rows = []
    for (task, learner), part in comparison.finals.groupby(["task", "learner"], sort=True):
        values = part["value"].to_numpy(dtype=float)
        low, high = band(values[:, None], rng=np.random.default_rng(zlib.crc32(f"{task}/{learner}".encode())))
        measured = "test" if part["split"].iloc[0] else "training"
        name = names[str(task)]
        failures = int(part["failed"].sum())
        middle = float(interquartile_mean(values))
        greater = bool(part["greater"].iloc[0])
        rows.append((task, name, measured, greater, learner, middle, low[0], high[0], len(part), failures))
    columns = [
        "task",
        "metric",
        "data",
        "greater_is_better",
        "learner",
        "value",
        "low",
        "high",
        "runs",
        "failures",
    ]
    return _with_best(DataFrame(rows, columns=columns))


def _with_best(data: DataFrame) -> DataFrame:
    """Mark the best of each task, all of them on a tie; a learner whose runs all failed is never the best."""
    loss = np.where(data["greater_is_better"], -data["value"], data["value"]).astype(float)
    loss = np.where(data["failures"] < data["runs"], loss, np.nan)
    lowest = DataFrame({"task": data["task"], "loss": loss}).groupby("task")["loss"].transform("min")
    return data.assign(best=loss == lowest.to_numpy())


def _table(comparison: Comparison, data: DataFrame) -> DataFrame:
    """Tasks by learners, the leaderboard's first one first; learners by tasks where that is narrower."""
    cells = {(row["task"], row["learner"]): _cell(row) for row in data.to_dict("records")}
    refused = {
        (row.task, row.learner) for row in comparison.runs.itertuples() if row.status == "not-applicable"
    }
    tasks = {str(row["task"]): headed(row) for row in data.drop_duplicates("task").to_dict("records")}
    learners = list(comparison.board.table["learner"])

    def cell(task: str, learner: str) -> str:
        return cells.get((task, learner), "n/a" if (task, learner) in refused else "-")

    if len(learners) > len(tasks):
        rows = [[learner, *(cell(task, learner) for task in tasks)] for learner in learners]
        return DataFrame(rows, columns=["learner", *tasks.values()])
    rows = [[told, *(cell(task, learner) for learner in learners)] for task, told in tasks.items()]
    return DataFrame(rows, columns=["task", *learners])


def headed(facts: Mapping[Any, Any]) -> str:
    """A task with its metric, and which way is better."""
    way = "↑" if facts["greater_is_better"] else "↓"
    mark = "" if facts["data"] == "test" else ", training data"
    return f"{short_name(facts['task'], 60)}: {facts['metric']} {way}{mark}"


def _cell(row: Mapping[Any, Any]) -> str:
    failures = f"\n{row['failures']} failed" if row["failures"] else ""
    star = "★ " if row["best"] else ""
    spread = f"\n{plain(row['low'])}\u00a0to\u00a0{plain(row['high'])}" if row["runs"] > 1 else ""
    return f"{star}{plain(row['value'])}{spread}{failures}"


def _finding(data: DataFrame) -> str:
    wins = data[data["best"]].groupby("learner").size().sort_values(ascending=False, kind="stable")
    if wins.empty:
        return "No run succeeded."
    told = listed([f"{short_name(learner)} on {count}" for learner, count in wins.items()])
    return f"Best interquartile mean, of {counted(data['task'].nunique(), 'task')}: {told}."


FIGURE = Figure(
    name="task-table",
    title="Task by task",
    reading=(
        (
            "Interquartile mean over repetitions of the metric on test data (training data where marked: the task "
            "has no split), its band below it; ↑ more is better, ↓ less is better."
        ),
        (
            "★ marks the best learner of a task by that mean alone; n/a: the learner cannot do the task. Where bands "
            "overlap, a star is no proof."
        ),
    ),
    draw=draw,
    summary="final metric of every learner on every task",
    order=10,
)
