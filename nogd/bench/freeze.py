"""Freeze a yardstick: what the reference learner scores on a task, and the targets that its runs set.

The rule of the score. The reference runs 15 times with the task's own budget. Of each run counts the point of its curve
with the lowest validation loss, and of that point the metric on the test split; of these metrics the interquartile
mean. Where a task has no split it is the point with the lowest training loss, and the metric on the training data.

Why not the end of the run: on small noisy data the reference goes on to learn the noise, and a yardstick that shrinks
the longer it is measured is none. Validation may stop a run early by the protocol. So the reference itself may score
below 1 where it learns too much: by default it never stops early.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nogd.bench.experiment import make_experiment
from nogd.bench.plan import plan
from nogd.bench.run import Progress, execute
from nogd.bench.store import Store
from nogd.bench.tables import RunTables, load_tables
from nogd.bench.targets import descent, freeze_targets
from nogd.errors import InvalidSetting, StoreError
from nogd.problem.reference import reference_file
from nogd.problem.simulator import SimulatorTask
from nogd.problem.task import Task

REPETITIONS = 15


def freeze(
    tasks: Sequence[str],
    *,
    learner: str,
    out: Path,
    repetitions: int = REPETITIONS,
    jobs: int | None = None,
    progress: Progress,
) -> dict[str, dict[str, Any]]:
    """The frozen entries of some tasks, by name, from runs of the reference learner with the tasks' own budgets.

    out: the folder of the runs' store; those that are done there are not done again. Raises InvalidSetting where a run
    fails, or the reference is no better than the constant predictor on test data: 1 and 0 of the score would lie on top
    of each other.
    """
    experiment = make_experiment(None, learners=[learner], tasks=list(tasks), repetitions=repetitions)
    planned = {item.cell.task: item.task for item in plan(experiment)}
    for task in planned.values():
        _refuse_without_scale(task)
    summary = execute(experiment, out, jobs=jobs, fresh=False, progress=progress)
    results, store = load_tables(out, summary.planned), Store(out)
    try:
        curves, traces = store.curves(), store.traces()
    finally:
        store.close()
    return {name: _entry(name, planned[name], results, curves, traces) for name in tasks}


def _refuse_without_scale(task: Task) -> None:
    """Of a world nobody knows what is good in it: a mere learner's return would make a scale of chance."""
    if isinstance(task, SimulatorTask) and (math.isnan(task.constant) or math.isnan(task.solved)):
        raise InvalidSetting(
            f"the task {task.name!r} has no scale to freeze: set `constant`, the mean return of the best constant"
            " action, and `solved`, a return stated with its source."
        )


def file_of(task: Task) -> Path:
    """The file beside a task's own that holds its frozen entry.

    Raises InvalidSetting for a class of no file, StoreError where nothing can be written there.
    """
    path = reference_file(type(task))
    if path is None:
        raise InvalidSetting(
            f"the task {task.name!r} is defined in no file, so there is no place to store its reference."
        )
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise StoreError(f"{path} cannot be written; copy the task into one of your own folders.")
    return path


def _entry(
    name: str, task: Task, results: RunTables, curves: Mapping[str, Any], traces: Mapping[str, Any]
) -> dict[str, Any]:
    runs = results.runs[results.runs["task"] == name]
    wrong = runs[~runs["status"].isin(["ok", "budget"])]
    if len(wrong):
        first = wrong.iloc[0]
        raise InvalidSetting(
            f"{first['learner']} on {name}, repetition {first['repetition']}, ended as {first['status']}: "
            f"{first['reason']}; all runs of a reference must succeed."
        )
    facts = runs.iloc[0]
    budget = json.loads(facts["budget"])
    metrics = best_points(results.curves[results.curves["task"] == name], bool(facts["has_split"]))
    descents = [descent(curves[id_], traces[id_]) for id_ in runs["id"]]
    return {
        "version": task.version,
        "learner": facts["learner_name"],
        "settings": json.loads(facts["hyper"]),
        **_score(name, facts, metrics, task.solved if isinstance(task, SimulatorTask) else None),
        "measured_on": "test" if facts["has_split"] else "train",
        "repetitions": len(runs),
        "budget": budget,
        "targets": freeze_targets(
            descents, list(runs["start_loss"]), list(runs["forwards"]), budget["forwards"]
        ),
    }


def _score(
    name: str, facts: pd.Series[Any], metrics: pd.Series[float], solved: float | None
) -> dict[str, Any]:
    """The reference's metric with its quartiles, and the constant predictor's; none where there is no constant.

    solved: what counts in place of the reference's metric, where that is written down.
    """
    from scipy.stats import trim_mean  # half a second to import

    reached = float(trim_mean(metrics, 0.25))
    reference, constant = reached if solved is None else solved, float(facts["constant"])
    if math.isnan(constant) or math.isnan(reference):
        return {}
    if abs(reference - constant) < 0.05 or (reference > constant) != bool(facts["metric_greater"]):
        raise InvalidSetting(
            f"on {name} {facts['learner']} reaches {facts['metric_name']} {reference:.3g}, the best constant predictor "
            f"{constant:.3g}: no scale for scores; take another reference, or a larger budget."
        )
    low, high = np.quantile(metrics, [0.25, 0.75])
    return {
        "test_metric": round(reference, 4),
        "quartiles": [round(float(low), 4), round(float(high), 4)],
        "metric": facts["metric_name"],
        "constant": round(constant, 4) + 0.0,  # no -0.0
    }


def best_points(curves: pd.DataFrame, has_split: bool) -> pd.Series[float]:
    """The metric of each run at the point that validation picks."""
    by, metric = ("validation_loss", "test_metric") if has_split else ("loss", "metric")
    best: pd.Series[float] = curves.loc[curves.groupby("id")[by].idxmin(), metric]
    return best
