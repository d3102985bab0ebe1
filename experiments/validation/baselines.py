"""OpenAI-ES, MeZO, EGGROLL and SPSA beside the `baselines` of the package polystep: `python baselines.py`.

A regression with a linear layer of 10 inputs and 4 outputs (44 parameters), 15 starts with data of their own; both
have the same settings, and end when a candidate's loss is 5 % of the start's or less, or after 20,000 evaluations.
Medians are compared, as the random numbers differ in all but SPSA. Writes baselines.csv, a row a run, and prints the
table. Needs nogd, nogd-evolution, nogd-zeroth-order and `pip install polystep==1.1.0`. Takes a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

import nogd

TABLE = Path(__file__).resolve().with_name("baselines.csv")
SEEDS, BUDGET, SHARE = 15, 20_000, 0.05
A = 100.0  # SPSA's; the package takes 10 % of all steps if not told
SIGMA, POPULATION = 0.1, 16
SHAPES = ((4, 10), (4,))


@dataclass(frozen=True)
class Pair:
    """A learner of nogd with its settings, and those that mean the same to the package's function."""

    learner: str
    function: str
    settings: dict[str, Any]


# eggroll: nogd's rate is in units of the moves and for all candidates, the package's for pairs; the package's deviation
# is that of a sample.
PAIRS = (
    Pair(
        f"openai-es,optimizer=sgd,sigma={SIGMA},population={POPULATION},lr=0.1",
        "openai_es",
        {"sigma": SIGMA, "popsize": POPULATION, "lr": 0.1},
    ),
    Pair("mezo,sigma=0.001,lr=0.01", "mezo", {"eps": 0.001, "lr": 0.01}),
    Pair(
        f"eggroll,sigma={SIGMA},population={POPULATION},lr=1",
        "eggroll",
        {
            "sigma": SIGMA,
            "popsize": POPULATION,
            "lr": SIGMA / 2 * (POPULATION / (POPULATION - 1)) ** 0.5,
            "shaping": "zscore",
        },
    ),
    Pair(
        f"spsa,sigma={SIGMA},lr=0.02,stability={A:g}",
        "spsa",
        {"a": 0.02 * (A + 1) ** 0.602, "c": SIGMA, "A": A},
    ),
)


class Reached(Exception):
    """A candidate is good enough."""


def problem(seed: int) -> tuple[nn.Linear, Tensor, Tensor]:
    """A start, inputs and targets."""
    torch.manual_seed(seed)
    module = nn.Linear(10, 4).double()
    inputs = torch.randn(60, 10).double()
    return module, inputs, inputs @ torch.randn(10, 4).double() + 1


def ours(pair: Pair, seed: int) -> float:
    """Evaluations that nogd's learner takes; NaN if it does not get there."""
    module, inputs, targets = problem(seed)
    target = SHARE * nn.functional.mse_loss(module(inputs), targets).item()
    budget = nogd.Budget(evaluations=BUDGET)
    run = nogd.fit(module, inputs, targets, learner=pair.learner, budget=budget, seed=seed, target=target)
    return float(run.meter.evaluations) if run.status == "target" else float("nan")


def theirs(pair: Pair, seed: int) -> float:
    """The same of the package."""
    from polystep.baselines import METHODS, Objective

    module, inputs, targets = problem(seed)
    objective = nogd.objective(module, inputs, targets)
    start = objective.space.read(module)
    target = SHARE * float(objective.losses(nogd.Population(start[None])))

    def score(thetas: Tensor) -> Tensor:
        losses = objective.losses(nogd.Population(thetas))
        good = (losses <= target).nonzero()
        if len(good):
            raise Reached(asked.evals + int(good[0]) + 1)
        return losses

    asked = Objective(score, len(start), BUDGET, shapes=SHAPES)
    try:
        METHODS[pair.function](asked, start, seed=seed, **pair.settings)
    except Reached as reached:
        return float(reached.args[0])
    return float("nan")


def measured(
    pairs: tuple[Pair, ...], seeds: int, other: Callable[[Pair, int], float] = theirs
) -> pd.DataFrame:
    """A row a run."""
    return pd.DataFrame(
        {"learner": pair.learner, "seed": seed, "nogd": ours(pair, seed), "polystep": other(pair, seed)}
        for pair in pairs
        for seed in range(seeds)
    )


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """Successes and median evaluations of both, and their ratio."""
    groups = table.groupby("learner", sort=False)[["nogd", "polystep"]]
    found, medians = groups.count(), groups.median()
    named = medians.add_suffix(" evaluations")
    return found.join(named).assign(ratio=(medians["nogd"] / medians["polystep"]).round(2))


def main() -> None:
    """Make all runs, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--out", type=Path, default=TABLE)
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = measured(PAIRS, given.seeds)
    table.to_csv(given.out, index=False)
    print(compared(table).to_string())


if __name__ == "__main__":
    main()
