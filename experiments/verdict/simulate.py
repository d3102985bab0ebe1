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

from nogd.report.numbers.paired import LEVEL, smallest_p
from nogd.report.numbers.statistics import bootstrap_interval, pooled_interquartile_mean
from nogd.report.numbers.verdict import chances_of, is_ahead

HERE = Path(__file__).parent
REPETITIONS = (2, 3, 5, 8, 10, 15)


def scores(rng: np.random.Generator, shape: tuple[int, int, int], better: float, shared: float) -> np.ndarray:
    """Scores of one store, shape (repetitions, tasks, learners); `shared` is the share of variance from starts."""
    repetitions, tasks, _ = shape
    level, spread = rng.uniform(0.2, 1.0, size=(tasks, 1)), rng.uniform(0.02, 0.2, size=(tasks, 1))
    start = rng.normal(size=(repetitions, tasks, 1))
    noise = np.sqrt(shared) * start + np.sqrt(1 - shared) * rng.normal(size=shape)
    noise[..., 0] += better
    return level + spread * noise


def judged(values: np.ndarray) -> tuple[str, bool, bool]:
    """Who has the highest score, whether it leads, and whether it is told apart from any other learner."""
    losses = {f"learner-{place}": -values[..., place] for place in range(values.shape[2])}
    first, *others = sorted(losses, key=lambda name: float(pooled_interquartile_mean(losses[name])))
    chances = chances_of(losses, first, others)
    if smallest_p(chances[0].blocks) >= LEVEL:
        return first, False, False
    return first, is_ahead(chances), any(chance.p_among_all < LEVEL for chance in chances)


def verdicts(stores: int) -> pd.DataFrame:
    """How often a learner is said to lead, and how often it is told apart from any other."""
    rows = []
    for learners, tasks, repetitions, better, shared in product(
        (2, 3, 6, 20), (1, 3, 10), REPETITIONS, (0.0, 0.5, 1.0), (0.0, 0.5)
    ):
        rng = np.random.default_rng([learners, tasks, repetitions, int(10 * better), int(10 * shared)])
        shape = (repetitions, tasks, learners)
        found = [judged(scores(rng, shape, better, shared)) for _ in range(stores)]
        leading = [first for first, leads, _ in found if leads]
        differing = sum(leads or apart for _, leads, apart in found)
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
