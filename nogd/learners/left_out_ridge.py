"""The weight of a last layer's squares, chosen by what each example costs with a layer that was not fitted to it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from nogd.engine.candidates.sets import Population
from nogd.engine.objective import Objective
from nogd.engine.readout.solved import Readout
from nogd.engine.surrogates import Kind

# Where a choice begins that cannot pay for all weights: of all fixed ones the best on the tuning tasks.
FIRST = 1e-3
# Newton steps from a solution with a weight nearby.
FEW_STEPS = 3
_FACTOR = math.sqrt(10)
_ALL = tuple(10 ** (k / 2) for k in range(-1, -13, -1))
# Fewer weights than this, of the twelve, tell too little.
_FEWEST = 3
_LEAST, _MOST = 1e-7, 1.0


def neighbours(ridge: float) -> list[float]:
    """The weight, and those half a power of ten above and below it, the largest first."""
    return [each for each in (ridge * _FACTOR, ridge, ridge / _FACTOR) if _LEAST <= each <= _MOST]


def first_ridges(objective: Objective, surrogate: Kind | None, steps: int, most: float) -> Sequence[float]:
    """Weights to begin with, the largest first: evenly spread, as many as the share `most` of what is left pays for."""
    left = objective.left
    first, further = (price_of_one(objective, surrogate, each) for each in (steps, FEW_STEPS))
    paid = 1 + (most * left.forwards - first) / further
    count = int(min(len(_ALL), paid, most * left.evaluations))
    if count < _FEWEST:
        return [FIRST]
    return [_ALL[round(k * (len(_ALL) - 1) / (count - 1))] for k in range(count)]


def price_of_one(objective: Objective, surrogate: Kind | None, steps: int) -> float:
    """Forwards that `best_ridge` counts for one weight, solved by so many Newton steps."""
    return objective.readout_cost(steps=steps, surrogate=surrogate, left_out=True)


def best_ridge(
    objective: Objective, theta: Tensor, ridges: Sequence[float], surrogate: Kind | None, steps: int
) -> tuple[float, Readout]:
    """The best of these weights, and theta `[D]` with the last layer solved with it.

    The first is solved by so many Newton steps, each of the others by a few from the solution before it.
    """
    found: list[Readout] = []
    for ridge in ridges:
        at = Population(theta[None])
        found.append(objective.readout(at, ridge=ridge, steps=steps, surrogate=surrogate, left_out=True))
        theta, steps = found[-1].at(0), FEW_STEPS
    best = min(range(len(ridges)), key=lambda k: _mean_left_out(found[k]))
    return ridges[best], found[best]


def _mean_left_out(found: Readout) -> float:
    assert found.left_out is not None
    return float(found.left_out.mean())
