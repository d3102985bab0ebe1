"""A walk as its user sees it: what is tried, where it goes, and that nobody else moves it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from nogd.engine.walks.walk import ActivationCache
from nogd.errors import InvalidSetting

_OF_NUMPY = (torch.float32, torch.float64)


class Walk:
    """A walk along coordinates, from `Objective.walk`: `losses(index, values)` tries values, `move(index, value)` sets
    one.

    :ivar theta: the current point, `[D]`.
    :ivar loss: the loss of the theta that it began with.
    """

    def __init__(
        self,
        theta: Tensor,
        cache: ActivationCache,
        loss: float,
        score_line: ScoreLine,
        line_minimum: LineMinimum,
    ) -> None:
        self.theta = theta
        self.loss = loss
        self._cache, self._score_line, self._line_minimum = cache, score_line, line_minimum
        self._version, self._dimension = theta._version, len(theta)
        # As an array, as setting a single number of a tensor takes as long as scoring some lines.
        is_array = theta.device.type == "cpu" and theta.dtype in _OF_NUMPY
        self._cells = theta.detach().numpy() if is_array else None

    @property
    def is_live(self) -> bool:
        """Whether theta is still as this walk left it."""
        return self.theta._version == self._version

    def losses(self, index: int, values: Tensor) -> Tensor:
        """Losses `[G]` with coordinate `index` at each of the values `[G]`; counts G forwards and G evaluations."""
        return self._score(index, values)[0].clone()

    def lowest(self, index: int, values: Tensor) -> tuple[int, float]:
        """The place of the value with the lowest loss, the first one on ties, and that loss; costs what `losses` does.

        The quickest way along a coordinate. Where no loss is finite it is infinite.
        """
        return self._score(index, values)[1:]

    def minimum(self, index: int, low: float, high: float) -> tuple[float, float]:
        """The value of the coordinate from low to high with the lowest loss, and that loss.

        Exact under squared error with activations that are linear between kinks, and nearly so where low and high are
        more than some ten million apart: counts 1 evaluation and its arithmetic in forwards, at least 1. Elsewhere by a
        scan and a golden section, every value of which counts as on a line. Where no loss is finite it is infinite.
        """
        self._check_live()
        index = self._checked(index)
        if not -math.inf < low <= high < math.inf:
            raise InvalidSetting(
                f"a minimum is sought between two finite values, the lower one first, not from {low} to {high}."
            )
        return self._line_minimum(self, self._cache, index, low, high)

    def move(self, index: int, value: float | Tensor) -> None:
        """Set the coordinate in theta, in place; counts nothing."""
        index = self._checked(index)
        if self._cells is None:
            self.theta[index].fill_(value)  # by which a GPU is not waited for
        else:
            self._cells[index] = value
            increment_version(self.theta)  # written to behind torch's back
        self._cache.moved(index)
        self._version = self.theta._version

    def _score(self, index: int, values: Any) -> tuple[Tensor, int, float]:
        self._check_live()
        index = self._checked(index)
        if not isinstance(values, Tensor) or values.ndim != 1:
            raise InvalidSetting(f"values are a tensor [G], not {values!r:.60}.")
        if values.dtype != self.theta.dtype or values.device != self.theta.device:
            values = values.to(self.theta.device, self.theta.dtype)
        return self._score_line(self, self._cache, index, values)

    def _check_live(self) -> None:
        if not self.is_live:
            raise InvalidSetting(
                "theta was changed outside its walk; ask objective.walk(theta) for a new one."
            )

    def _checked(self, index: int) -> int:
        try:
            place = operator.index(index)
        except TypeError:
            place = -1
        if not 0 <= place < self._dimension:
            raise InvalidSetting(
                f"coordinate {index} is not one of the {self._dimension}, which count from 0."
            )
        return place


# How the objective scores, and counts, what a walk tries.
ScoreLine = Callable[[Walk, ActivationCache, int, Tensor], tuple[Tensor, int, float]]
LineMinimum = Callable[[Walk, ActivationCache, int, float, float], tuple[float, float]]
