"""A stretch of a run in which candidates are scored with their last layer solved, whatever they have there."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from nogd.engine.candidates.sets import Candidates, Population
from nogd.engine.readout.solved import Readout
from nogd.engine.walks.minimum import searched_minimum
from nogd.engine.walks.walk import ActivationCache, DenseCache
from nogd.engine.walks.walking import Walk


class SolvedScores:
    """What `objective.losses` gives meanwhile, and the best of it.

    :ivar value: the lowest value so far; infinite before.
    :ivar theta: the candidate that has it, with its last layer solved, `[D]`; None before.
    :ivar price: forwards that a candidate counts.
    """

    def __init__(self, solve: Callable[[Candidates, Tensor | None], Readout], price: float) -> None:
        self.value = math.inf
        self.theta: Tensor | None = None
        self.price, self._solve = price, solve

    def losses(self, candidates: Candidates, rows: Tensor | None) -> Tensor:
        """Values `[P]` of P candidates."""
        found = self._solve(candidates, rows)
        if len(found) and float(found.values.min()) < self.value:
            best = int(found.values.argmin())
            self.value, self.theta = float(found.values[best]), found.at(best)
        return found.values.to(found.losses.dtype)

    def walk(self, theta: Tensor) -> Walk:
        """A walk whose values are solved one by one, as nothing of one solution serves the next; counts a candidate."""
        loss = float(self.losses(Population(theta[None]), None)[0])
        return Walk(theta, DenseCache(theta, _Whole(self), 0.0), loss, _lowest, _minimum)


class _Whole:
    """Scores whole candidates, as a walk that keeps nothing has them."""

    def __init__(self, scores: SolvedScores) -> None:
        self._scores = scores

    def losses(self, thetas: Tensor) -> Tensor:
        return self._scores.losses(Population(thetas), None)


def _lowest(_: Walk, cache: ActivationCache, index: int, values: Tensor) -> tuple[Tensor, int, float]:
    return cache.lowest(index, values) if len(values) else (values.new_empty(0), -1, math.inf)


def _minimum(walk: Walk, cache: ActivationCache, index: int, low: float, high: float) -> tuple[float, float]:
    return searched_minimum(lambda values: cache.losses(index, values), low, high, walk.theta)
