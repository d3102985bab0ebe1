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
_FACTOR = math.sqrt(10)
_ALL = tuple(10 ** (k / 2) for k in range(-12, 0))
_LEAST, _MOST = 1e-7, 1.0


def neighbours(ridge: float) -> list[float]:
    """The weight, and those half a power of ten below and above it."""
    return [each for each in (ridge, ridge / _FACTOR, ridge * _FACTOR) if _LEAST <= each <= _MOST]


def first_ridges(objective: Objective, surrogate: Kind | None, steps: int, most: float) -> Sequence[float]:
    """Weights to begin with: all of them, if that takes no more than the share `most` of what is left."""
    left = objective.left
    price = price_of_choice(objective, surrogate, steps, len(_ALL))
    return _ALL if price <= most * left.forwards and len(_ALL) <= most * left.evaluations else [FIRST]


def price_of_choice(objective: Objective, surrogate: Kind | None, steps: int, count: int = 3) -> float:
    """Forwards that a choice among so many weights counts."""
    return count * objective.readout_cost(steps=steps, surrogate=surrogate, left_out=True)


def best_ridge(
    objective: Objective, theta: Tensor, ridges: Sequence[float], surrogate: Kind | None, steps: int
) -> tuple[float, Readout]:
    """The best of these weights, and theta `[D]` with the last layer solved with it, by so many Newton steps."""
    candidates = Population(theta[None])
    found = [
        objective.readout(candidates, ridge=ridge, steps=steps, surrogate=surrogate, left_out=True)
        for ridge in ridges
    ]
    best = min(range(len(ridges)), key=lambda k: _mean_left_out(found[k]))
    return ridges[best], found[best]


def _mean_left_out(found: Readout) -> float:
    assert found.left_out is not None
    return float(found.left_out.mean())
