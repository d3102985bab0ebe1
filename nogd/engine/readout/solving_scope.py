"""A stretch of a run in which candidates are scored with their last layer solved, whatever they have there."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from nogd.engine.candidates.sets import Candidates
from nogd.engine.readout.solved import Readout


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
