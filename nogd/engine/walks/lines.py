"""What a walk tries along a coordinate: paid, scored and noted."""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from nogd.engine.accounts.till import Till
from nogd.engine.candidates.sets import Line
from nogd.engine.losses import ranked
from nogd.engine.walks.minimum import PiecewisePath, exact_minimum, searched_minimum
from nogd.engine.walks.walk import ActivationCache
from nogd.engine.walks.walking import Walk


class Lines:
    """Scores the lines of an objective's walks. flops: of one pass over all N examples."""

    def __init__(self, till: Till, flops: float) -> None:
        self._till, self._ledger, self._flops = till, till.ledger, flops

    def score(
        self, walk: Walk, cache: ActivationCache, index: int, values: Tensor
    ) -> tuple[Tensor, int, float]:
        """Losses `[G]` at the values, the place of the lowest, and it; counts G."""
        count = len(values)
        self._till.pay(count, count * self._ledger.examples_in_set, flops=cache.flops(index, count))
        if count == 0:
            return values.new_empty(0), -1, math.inf
        started = time.perf_counter()
        losses, place, lowest = cache.lowest(index, values)
        self._ledger.inside += time.perf_counter() - started
        if lowest < self._till.trace.best:  # else there is nothing to note
            self._till.note(losses, Line(walk.theta, index, values), lowest)
        return losses, place, lowest

    def minimum(
        self, walk: Walk, cache: ActivationCache, index: int, low: float, high: float
    ) -> tuple[float, float]:
        """Where there is a closed form, a look at the continuum; else a search, of which every value counts."""
        path = cache.path(index)
        found = None if path is None else self._exact(walk, cache, path, index, low, high)
        if found is not None:
            return found
        return searched_minimum(
            lambda values: self.score(walk, cache, index, values)[0], low, high, walk.theta
        )

    def _exact(
        self, walk: Walk, cache: ActivationCache, path: PiecewisePath, index: int, low: float, high: float
    ) -> tuple[float, float] | None:
        """Pays 1 evaluation and 1 forward before, and what it took beyond a forward before the answer is given."""
        self._till.pay(1, self._ledger.examples_in_set)
        started = time.perf_counter()
        with torch.no_grad():
            found = exact_minimum(
                lambda values: ranked(cache.losses(index, values)), path, low, high, walk.theta
            )
        self._ledger.inside += time.perf_counter() - started
        if found is None:
            return None
        value, loss, scored, flops = found
        self._till.used("closed-form")
        flops += cache.flops(index, scored)
        beyond = flops / max(1.0, self._flops) - 1
        self._till.pay(0, 0, priced=max(0.0, beyond), flops=flops)
        losses = walk.theta.new_tensor([loss])
        self._till.note(losses, Line(walk.theta, index, walk.theta.new_tensor([value])), float(losses[0]))
        return value, loss
