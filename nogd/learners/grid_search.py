"""Coordinate-wise brute-force search: the learner that nogd began with."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd.engine.objective import Objective
from nogd.engine.state import State
from nogd.training.learner import Learner


@functools.lru_cache(maxsize=64)
def _grid(
    low: float, high: float, points: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, list[float]]:
    """The values to try, as a tensor and as numbers; made once, as it would be a good part of a step's time."""
    values = torch.linspace(low, high, points, dtype=dtype, device=device)
    return values, values.tolist()


@dataclass(kw_only=True)
class GridState(State):
    """index: the parameter to visit next. loss: where the sweep stands. best: lowest loss after any sweep."""

    index: int = 0
    loss: float
    loss_before_sweep: float
    best: float = math.inf


class GridSearch(Learner[GridState]):
    """Visit one parameter at a time, try a grid of values over its box, and keep the value with the lowest loss.

    The first value wins ties, and values without a finite loss are skipped. The present value is not tried, so a sweep
    may end worse than it began. After a sweep that does not beat the best, the search stops if it gained less than
    `tolerance` on the sweep before. A step is one parameter and costs `points` forwards, an iteration is one sweep.
    Source: the research repository "Neural Networks Learning Without Gradient Descent", that nogd grew out of.
    """

    name: ClassVar[str] = "grid-search"
    tags: ClassVar[frozenset[str]] = frozenset({"coordinate"})
    points: int = Field(10, ge=2, description="values tried for each weight, evenly spaced over its box")
    bias_points: int | None = Field(
        None, ge=2, description="values tried for each bias; as `points` if not given"
    )
    early_stopping: bool = Field(
        True, description="whether to stop once a sweep gains less than the tolerance"
    )
    tolerance: float = Field(
        1e-6, ge=0, description="least gain in loss of a sweep that is worth going on for"
    )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> GridState:
        return GridState(theta=theta, loss=math.inf, loss_before_sweep=math.inf)

    def step(self, objective: Objective, state: GridState) -> None:
        walk = objective.walk(state.theta)
        if state.index == 0 and state.iteration == 0:
            state.loss = state.loss_before_sweep = walk.loss
        values, numbers = self._values(objective, state.index)
        lowest, loss = walk.lowest(state.index, values)
        if math.isfinite(loss):
            walk.move(state.index, numbers[lowest])
            state.loss = loss
        state.index += 1
        if state.index == objective.D:
            self._end_sweep(state)

    def _values(self, objective: Objective, index: int) -> tuple[Tensor, list[float]]:
        tensor = objective.space.at(index)
        points = self.bias_points if self.bias_points is not None and tensor.is_bias else self.points
        return _grid(tensor.low, tensor.high, points, objective.dtype, objective.device)

    def _end_sweep(self, state: GridState) -> None:
        gain = state.loss_before_sweep - state.loss
        if state.loss < state.best:
            state.best = state.loss
        elif self.early_stopping and not gain >= self.tolerance:
            state.finished = f"a sweep gained less than {self.tolerance:g}"
        state.loss_before_sweep = state.loss
        state.index = 0
        state.iteration += 1
