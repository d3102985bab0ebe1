"""Early stopping: the parameters that were best on data that nobody trains on."""

from __future__ import annotations

import math

from torch import Tensor

from nogd.engine.objective import Objective
from nogd.training.recorder import Point


class EarlyStopping:
    """A callback that ends a run after so many iterations without a lower validation loss, and keeps the best theta."""

    def __init__(self, objective: Objective, patience: int) -> None:
        self.theta: Tensor | None = None
        self._objective, self._patience = objective, patience
        self._lowest, self._waited = math.inf, 0

    def __call__(self, point: Point) -> bool:
        if point["validation_loss"] < self._lowest:
            self._lowest, self._waited = point["validation_loss"], 0
            self.theta = self._objective.recommendation.clone()
        else:
            self._waited += 1
        return self._waited >= self._patience
