"""How often the report's verdict is right, where the truth is known: false claims, power and coverage, as CSV files.

    python experiments/verdict/simulate.py [--stores 200]

In each simulated store learners run on tasks with scores about a level of each task; half of the variance between
runs comes from starts that all learners share, or none. The first learner is better by `better` standard deviations
of its runs. Writes verdicts.csv and coverage.csv beside itself.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from nogd.report.figure import Comparison
from nogd.report.numbers.statistics import bootstrap_interval, pooled_interquartile_mean
from nogd.report.numbers.verdict import LEADS

HERE = Path(__file__).parent
REPETITIONS = (2, 3, 5, 8, 10, 15)
FACTS = {
    "learner_name": "x", "status": "ok", "reason": "", "metric_name": "accuracy", "metric_greater": 1, "has_split": 1,
    "constant": 0.0, "reference": 1.0, "metric": np.nan, "loss": 1.0, "start_loss": 2.0, "seconds": 1.0,
    "overhead_seconds": 0.1, "forwards": 100.0, "budget": '{"forwards": 100}', "access": "losses",
}  # fmt: skip
CURVE = [
    "id",
    "task",
    "learner",
    "repetition",
    "forwards",
    "loss",
    "metric",
    "test_metric",
    "validation_loss",
]


def scores(rng: np.random.Generator, shape: tuple[int, int, int], better: float, shared: float) -> np.ndarray:
    """Scores of one store, shape (repetitions, tasks, learners); `shared` is the share of variance from starts."""
    repetitions, tasks, _ = shape
    level, spread = rng.uniform(0.2, 1.0, size=(tasks, 1)), rng.uniform(0.02, 0.2, size=(tasks, 1))
    start = rng.normal(size=(repetitions, tasks, 1))
    noise = np.sqrt(shared) * start + np.sqrt(1 - shared) * rng.normal(size=shape)
    noise[..., 0] += better
    return level + spread * noise


def store(values: np.ndarray) -> Comparison:
    """The comparison of a store with these scores."""
    place = np.indices(values.shape).reshape(3, -1)
    runs = pd.DataFrame(
        {
            "id": [f"{r}-{t}-{k}" for r, t, k in place.T],
            "repetition": place[0],
            "task": [f"task-{t}" for t in place[1]],
            "learner": [f"learner-{k}" for k in place[2]],
            "test_metric": values.ravel(),
            **FACTS,
        }
    )
    return Comparison(runs, pd.DataFrame(columns=CURVE), {"settings": {}})


def verdicts(stores: int) -> pd.DataFrame:
    """How often a learner is said to lead, and how often it is told apart from any other."""
    rows = []
    for learners, tasks, repetitions, better, shared in product(
        (2, 6), (3, 10), REPETITIONS, (0.0, 0.5, 1.0), (0.0, 0.5)
    ):
        rng = np.random.default_rng([learners, tasks, repetitions, int(10 * better), int(10 * shared)])
        shape = (repetitions, tasks, learners)
        found = [store(scores(rng, shape, better, shared)).verdict for _ in range(stores)]
        leading = [each.first for each in found if each.kind == LEADS]
        differing = sum(each.kind == LEADS or len(each.rivals) < learners - 1 for each in found)
        rows.append(
            {
                "learners": learners, "tasks": tasks, "repetitions": repetitions, "better": better, "shared": shared,
                "first_leads": leading.count("learner-0") / stores,
                "another_leads": (len(leading) - leading.count("learner-0")) / stores,
                "told_apart": differing / stores,
            }
        )  # fmt: skip
        print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def coverage(stores: int) -> pd.DataFrame:
    """How often a score's interval holds the score that endless repetitions would give."""
    rows = []
    shapes = {
        "normal": lambda rng, size: rng.normal(size=size),
        "skewed": lambda rng, size: 1 - rng.gamma(1.0, size=size),
    }
    for repetitions, tasks, shape in product(REPETITIONS, (1, 2, 3, 10), shapes):
        rng, draw = np.random.default_rng([repetitions, tasks, len(shape)]), shapes[shape]
        held = 0
        for _ in range(stores):
            level, spread = rng.uniform(0.2, 1.0, size=tasks), rng.uniform(0.02, 0.2, size=tasks)
            truth = float(pooled_interquartile_mean(level + spread * draw(rng, (10_000, tasks))))
            values = level + spread * draw(rng, (repetitions, tasks))
            low, high = bootstrap_interval(values, pooled_interquartile_mean, rng=rng)
            held += low <= truth <= high
        rows.append({"repetitions": repetitions, "tasks": tasks, "runs": shape, "coverage": held / stores})
        print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    """Simulate and write both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stores", type=int, default=200, help="simulated stores for each row")
    stores = parser.parse_args().stores
    coverage(2 * stores).to_csv(HERE / "coverage.csv", index=False)
    verdicts(stores).to_csv(HERE / "verdicts.csv", index=False)


if __name__ == "__main__":
    main()
