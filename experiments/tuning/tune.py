"""Compare hyper-parameters on the tuning tasks and say which setting of each learner is best: `python tune.py`.

`python tune.py unit-search swim` runs these learners alone; the rows of the others in the tables stay.

Rule: for each task, the median over 5 repetitions of the lowest validation loss on a run's curve, divided by that of
the learner's best setting on that task; the setting with the lowest geometric mean over the tasks wins. Validation and
not training loss, because PROTOCOL's rule 2 lets validation pick, and because the training loss of classes that can
be separated goes to zero: its ratios are as large as one likes and would leave the choice to a single task.
A run that fails counts with its start. Writes settings.csv (a row a setting) and tasks.csv (a row a setting and task)
beside this file, and prints the table of README.md.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from tasks import TASKS

import nogd

HERE = Path(__file__).parent
FORWARDS, REPETITIONS = 3_000, 5
# What is lower counts as this, as a loss of 0 has no ratio to another.
LEAST = 1e-9

SETTINGS = {
    "adam": [f"adam,lr={lr}" for lr in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)],
    "sgd": [
        f"sgd,lr={lr},momentum={m}" for m, lr in product((0.0, 0.9), (0.001, 0.003, 0.01, 0.03, 0.1, 0.3))
    ],
    "grid-search": [f"grid-search,points={points}" for points in (3, 5, 10, 20, 50)],
    "random-search": [f"random-search,population={population}" for population in (32, 128)],
    "unit-search": [
        *(f"unit-search,ridge={ridge}" for ridge in (1e-4, 1e-3, 3e-3)),
        *(f"unit-search,population={population}" for population in (8, 16, 32)),
        *(f"unit-search,candidates={kind}" for kind in ("near", "turned")),
    ],
    "gauss-newton": [
        *(f"gauss-newton,directions={kind}" for kind in ("auto", "isotropic", "units")),
        *(f"gauss-newton,probes={probes}" for probes in (10, 60)),
        "gauss-newton,radius=0.001",
        "gauss-newton,radius=0.1",
    ],
    "swim": [f"swim,ridge={ridge}" for ridge in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)],
    "random-features": [f"random-features,ridge={ridge}" for ridge in (1e-2, 1e-3, 1e-4, 1e-5)],
}


def main() -> None:
    """Run everything, about twelve minutes on two cores, or the learners that are named, and write the tables."""
    names = sys.argv[1:] or list(SETTINGS)
    learners = [{"use": setting, "label": setting} for name in names for setting in SETTINGS[name]]
    with tempfile.TemporaryDirectory() as folder:
        results = nogd.run(
            learners=learners,
            tasks=list(TASKS),
            repetitions=REPETITIONS,
            budget={"forwards": FORWARDS},
            out=folder,
        )
    by_task = per_task(results)
    if sys.argv[1:]:
        before = pd.read_csv(HERE / "tasks.csv")
        by_task = pd.concat([before[~before["learner"].isin(names)], by_task.round(5)], ignore_index=True)
    by_setting = per_setting(by_task)
    by_task.round(5).to_csv(HERE / "tasks.csv", index=False)
    by_setting.round(4).to_csv(HERE / "settings.csv", index=False)
    print(by_setting.to_string(index=False, float_format="{:.3f}".format))


def per_task(results: nogd.Results) -> pd.DataFrame:
    """Medians over repetitions: one row a setting and task."""
    lowest = results.curves.groupby("id")["validation_loss"].min().rename("lowest_validation_loss")
    runs = results.runs.merge(lowest, on="id", how="left").rename(columns={"learner": "setting"})
    runs["failed"] = runs["status"].isin(["diverged", "error", "timeout", "killed"])
    groups = runs.groupby(["learner_name", "setting", "task"], sort=False)
    columns = ["lowest_validation_loss", "loss", "validation_loss", "test_loss", "test_metric"]
    table = groups[columns].median().join(groups["failed"].sum())
    return table.reset_index().rename(columns={"learner_name": "learner", "loss": "training_loss"})


def per_setting(by_task: pd.DataFrame) -> pd.DataFrame:
    """Geometric means over the tasks of the ratios to the learner's best setting, best setting first."""
    table = by_task.copy()
    for column in ("lowest_validation_loss", "training_loss", "validation_loss", "test_loss"):
        table[column] = table[column].clip(lower=LEAST)
        best = table.groupby(["learner", "task"])[column].transform("min")
        table[column] = np.log(table[column] / best)
    groups = table.groupby(["learner", "setting"], sort=False)
    ratios = ["lowest_validation_loss", "training_loss", "validation_loss", "test_loss"]
    means = np.exp(groups[ratios].mean()).join(groups["test_metric"].mean()).join(groups["failed"].sum())
    return means.reset_index().sort_values(["learner", "lowest_validation_loss"])


if __name__ == "__main__":
    main()
