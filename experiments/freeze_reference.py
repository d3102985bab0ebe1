"""Freeze what the reference learner scores on each built-in task: `python experiments/freeze_reference.py`.

Writes nogd/tasks/reference.json, by which every score is normalised (0 the best constant predictor, 1 the reference).
Run it again only with a new version of a task, or of the reference itself: a new file moves all old scores.

The rule. The reference learner (nogd/tasks/comparison.json names it, and the one for tasks without a gradient) runs
15 times on each task with the task's own budget. Of each run counts the point of its curve with the lowest validation
loss, and of that point the metric on the test split; of the 15 metrics the interquartile mean. Where a task has no
split, it is the point with the lowest training loss, and the metric on the training data.

Why not the end of the run: on small noisy data the reference goes on to learn the noise, and a yardstick that shrinks
the longer it is measured is none. Validation may stop a run early by the protocol. So the reference itself may score
below 1 where it learns too much: by default it never stops early.

An entry also has the quartiles, the constant predictor's figure and the budget, for people. It is refused if the
reference is not clearly better than the constant predictor, as 1 and 0 would then lie on top of each other.
"""

from __future__ import annotations

import json
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import nogd
from nogd.plugins import PluginSettings, configure, plugins
from nogd.report.statistics import interquartile_mean

TASKS = Path(__file__).parents[1] / "nogd" / "tasks"
REPETITIONS = 15


def main() -> None:
    """Run the references and write the file."""
    configure(PluginSettings(thirdparty=False))
    names = json.loads(files("nogd.tasks").joinpath("comparison.json").read_text(encoding="utf-8"))
    tasks = {entry.name: entry.load() for entry in plugins().tasks}
    frozen: dict[str, Any] = {}
    for learner, differentiable in ((names["reference"], True), (names["reference_without_gradient"], False)):
        mine = [name for name, task in tasks.items() if task.differentiable is differentiable]
        with tempfile.TemporaryDirectory() as folder:
            results = nogd.run(learners=learner, tasks=mine, repetitions=REPETITIONS, out=folder)
        for name in mine:
            frozen[name] = entry_of(tasks[name], results)
            print(name, frozen[name])
    text = json.dumps({name: frozen[name] for name in tasks}, indent=2)
    (TASKS / "reference.json").write_text(text + "\n", encoding="utf-8")


def entry_of(task: type[nogd.Task], results: nogd.Results) -> dict[str, Any]:
    """What is frozen of a task. Raises ValueError where a run failed or the scale would have no length."""
    runs = results.runs[results.runs["task"] == task.name]
    facts = runs.iloc[0]
    if len(runs) != REPETITIONS or not runs["status"].isin(["ok", "budget"]).all():
        raise ValueError(f"{task.name}: not all runs went well: {sorted(runs['status'])}")
    metrics = best_points(results.curves[results.curves["task"] == task.name], bool(facts["has_split"]))
    reference, constant = float(interquartile_mean(metrics)), float(facts["constant"])
    if abs(reference - constant) < 0.05 or (reference > constant) != bool(facts["metric_greater"]):
        raise ValueError(
            f"{task.name}: the reference gives {reference:.3g}, the constant predictor {constant:.3g}"
        )
    low, high = np.quantile(metrics, [0.25, 0.75])
    return {
        "version": task.version,
        "learner": facts["learner_name"],
        "settings": json.loads(facts["hyper"]),
        "test_metric": round(reference, 4),
        "quartiles": [round(float(low), 4), round(float(high), 4)],
        "metric": facts["metric_name"],
        "constant": round(constant, 4) + 0.0,  # no -0.0
        "measured_on": "test" if facts["has_split"] else "train",
        "repetitions": REPETITIONS,
        "budget": json.loads(facts["budget"]),
    }


def best_points(curves: pd.DataFrame, has_split: bool) -> pd.Series:
    """The metric of each run at the point that validation picks."""
    by, metric = ("validation_loss", "test_metric") if has_split else ("loss", "metric")
    return curves.loc[curves.groupby("id")[by].idxmin(), metric]


if __name__ == "__main__":
    main()
