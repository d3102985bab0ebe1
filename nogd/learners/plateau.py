"""Divide the learning rate when the loss stops falling, as torch's ReduceLROnPlateau(factor=0.1, patience=5) does."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from nogd.engine.state import State

FACTOR, PATIENCE, THRESHOLD, LEAST_CHANGE = 0.1, 5, 1e-4, 1e-8


@dataclass(kw_only=True)
class Plateau(State):
    """lr: the present rate. best: lowest epoch loss; bad: epochs since. total, batches: of the epoch under way."""

    lr: float
    best: float = math.inf
    bad: int = 0
    total: float = 0.0
    batches: int = 0

    def note(self, loss: Tensor, epoch_ended: bool) -> None:
        """Count a query's loss; at the end of an epoch, judge the mean of its losses."""
        self.total += float(loss)
        self.batches += 1
        if epoch_ended:
            self._judge(self.total / self.batches)
            self.total, self.batches = 0.0, 0

    def _judge(self, loss: float) -> None:
        if loss < self.best * (1 - THRESHOLD):
            self.best, self.bad = loss, 0
        else:
            self.bad += 1
        if self.bad > PATIENCE:
            if self.lr * (1 - FACTOR) > LEAST_CHANGE:
                self.lr *= FACTOR
            self.bad = 0
