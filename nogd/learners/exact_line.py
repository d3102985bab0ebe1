"""Coordinate descent by exact minimisation: what grid search would do with infinitely many points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd.engine.objective import Objective
from nogd.engine.state import State
from nogd.training.learner import Learner


@dataclass(kw_only=True)
class ExactLineState(State):
    """order: the parameters of this sweep, in turn; place: where in it the next one stands. loss: of theta."""

    rng: Generator
    order: Tensor
    place: int = 0
    loss: float = math.inf
    loss_before_sweep: float = math.inf


class ExactLine(Learner[ExactLineState]):
    """Visit one parameter at a time and move it to the lowest loss over its box (coordinate descent).

    Under squared error with activations that are linear between kinks (ReLU and its like) the minimum is exact, found
    from every example's breakpoints; elsewhere it is a scan of the box and a golden section around the best of it. A
    parameter only moves where that lowers the loss. After a sweep that gained less than `tolerance` the search stops.
    A step is one parameter; an iteration is one sweep. A step costs 1 evaluation, and its arithmetic in forwards, at
    least 1, where it is exact, and every value that is tried where it is a search. Where one parameter alone changes
    nothing, as in networks of steps, it stops at once, and random search is ahead. Source: Wright 2015, "Coordinate
    descent algorithms", doi 10.1007/s10107-015-0892-3.
    """

    name: ClassVar[str] = "exact-line"
    tags: ClassVar[frozenset[str]] = frozenset({"closed-form", "coordinate"})
    uses: ClassVar[frozenset[str]] = frozenset({"closed-form"})
    order: Literal["cyclic", "random"] = Field(
        "cyclic", description="parameters in their own order, or in a new random order each sweep"
    )
    early_stopping: bool = Field(
        True, description="whether to stop once a sweep gains less than the tolerance"
    )
    tolerance: float = Field(
        1e-6, ge=0, description="least gain in loss of a sweep that is worth going on for"
    )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> ExactLineState:
        return ExactLineState(theta=theta, rng=rng, order=self._next_order(objective, rng))

    def step(self, objective: Objective, state: ExactLineState) -> None:
        walk = objective.walk(state.theta)
        if state.place == 0 and state.iteration == 0:
            state.loss = state.loss_before_sweep = walk.loss
        index = int(state.order[state.place])
        tensor = objective.space.at(index)
        value, loss = walk.minimum(index, tensor.low, tensor.high)
        if loss < state.loss:
            walk.move(index, value)
            state.loss = loss
        state.place += 1
        if state.place == objective.D:
            self._end_sweep(objective, state)

    def _next_order(self, objective: Objective, rng: Generator) -> Tensor:
        if self.order == "cyclic":
            return torch.arange(objective.D, device="cpu")
        return torch.randperm(objective.D, generator=rng, device=rng.device).cpu()

    def _end_sweep(self, objective: Objective, state: ExactLineState) -> None:
        gain = state.loss_before_sweep - state.loss
        if self.early_stopping and not gain >= self.tolerance:
            state.finished = f"a sweep gained less than {self.tolerance:g}"
        state.loss_before_sweep = state.loss
        state.place = 0
        state.iteration += 1
        state.order = self._next_order(objective, state.rng)
