"""Grid search about where it stands, with a range for each weight that grows, shifts and refines."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Learner, Objective, State


@dataclass(kw_only=True)
class RefiningState(State):
    """ranges: how far each parameter's grid reaches up and down. index: the next parameter. loss: of theta."""

    ranges: list[float]
    loss: float
    index: int = 0


class RefiningGridSearch(Learner[RefiningState]):
    """Visit one weight at a time and try a grid around its present value, over a range of its own.

    The best value is taken if it lowers the loss. Where it lies at an end of the grid the range grows, else it shrinks:
    so each weight's grid moves to where it is needed and becomes finer there, and no sweep makes the loss worse. Within
    a few thousand forwards many coarse sweeps do better than few fine ones, so a grid has 2 points by default. A step
    is one parameter and costs `points` forwards; an iteration is one sweep. Source: nogd's `grid-search` with the rules
    of a generating set search (Kolda, Lewis and Torczon 2003, doi 10.1137/S003614450242889), one step per coordinate.
    """

    name: ClassVar[str] = "refining-grid-search"
    tags: ClassVar[frozenset[str]] = frozenset({"coordinate"})
    points: int = Field(
        2, ge=2, multiple_of=2, description="values tried for each weight, half of them above its present one"
    )
    sigma: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="first range up and down, in theta's units"
    )
    grow: float = Field(
        2.0, ge=1, allow_inf_nan=False, description="factor of a range at whose end the best value lay"
    )
    shrink: float = Field(0.5, gt=0, lt=1, description="factor of a range otherwise")
    tolerance: float = Field(1e-6, ge=0, description="the search ends when all ranges have fallen below it")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> RefiningState:
        ranges = [self.sigma] * len(theta)
        return RefiningState(theta=theta, ranges=ranges, loss=objective.walk(theta).loss)

    def step(self, objective: Objective, state: RefiningState) -> None:
        walk, index = objective.walk(state.theta), state.index
        offsets = _offsets(self.points, objective.dtype, objective.device)
        values = state.theta[index] + state.ranges[index] * offsets
        losses = walk.losses(index, values[: objective.room()]).tolist()
        loss = min(losses)
        best, lower = losses.index(loss), loss < state.loss
        if lower:
            walk.move(index, values[best])
            state.loss = loss
        state.ranges[index] *= self.grow if lower and best in (0, self.points - 1) else self.shrink
        state.index += 1
        if state.index == objective.D:
            self._end_sweep(state)

    def _end_sweep(self, state: RefiningState) -> None:
        state.index = 0
        state.iteration += 1
        if max(state.ranges) < self.tolerance:
            state.finished = f"all ranges fell below {self.tolerance:g}"


@functools.lru_cache(maxsize=64)
def _offsets(points: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """From -1 to 1 without 0, whose loss is known; made once, never written to."""
    grid = torch.linspace(-1, 1, points + 1, dtype=dtype, device=device)
    return torch.cat([grid[: points // 2], grid[points // 2 + 1 :]])
