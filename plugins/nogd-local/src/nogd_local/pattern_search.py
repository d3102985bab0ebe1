"""Pattern search: try a step up and down in each weight, then a pattern move in the direction that helped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Learner, Objective, State


@dataclass(kw_only=True)
class PatternState(State):
    """Where the search stands. theta is the better one of base and trial.

    base [D] is the last point that a whole sweep confirmed, trial [D] the point that the present sweep improves.
    """

    base: Tensor
    base_loss: float
    trial: Tensor
    trial_loss: float
    sigma: float
    coordinate: int = 0
    moved: bool = False


class PatternSearch(Learner[PatternState]):
    """Try a step up and down in each weight, then repeat in one move the steps that helped.

    A sweep tries every coordinate with both signs and keeps what lowers the loss. After a sweep that helped comes a
    pattern move: the next sweep starts as far again in the same direction. If that does not help, the move is undone.
    The step shrinks only when a sweep without a pattern move helps nowhere. A step costs 2 forwards (one coordinate,
    both signs), a pattern move and its undoing 1 each. Source: Hooke and Jeeves, Journal of the ACM 8(2), 1961, doi
    10.1145/321062.321069; there the second sign is tried only if the first fails.
    """

    name: ClassVar[str] = "pattern-search"
    tags: ClassVar[frozenset[str]] = frozenset({"coordinate", "direct-search"})
    sigma: float = Field(0.25, gt=0, allow_inf_nan=False, description="first step size, in theta's units")
    shrink: float = Field(
        0.5, gt=0, lt=1, description="factor of the step size after a sweep that helped nowhere"
    )
    tolerance: float = Field(1e-6, ge=0, description="the search ends when the step size falls below it")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> PatternState:
        walk = objective.walk(theta.clone())
        return PatternState(
            theta=theta,
            base=theta.clone(),
            base_loss=walk.loss,
            trial=walk.theta,
            trial_loss=walk.loss,
            sigma=self.sigma,
        )

    def step(self, objective: Objective, state: PatternState) -> None:
        if state.coordinate == len(state.trial):
            self._start_sweep(objective, state)
        else:
            self._try_coordinate(objective, state)

    def _try_coordinate(self, objective: Objective, state: PatternState) -> None:
        walk = objective.walk(state.trial)
        here = state.trial[state.coordinate]
        values = torch.stack([here + state.sigma, here - state.sigma])
        losses = walk.losses(state.coordinate, values[: objective.room()]).tolist()
        loss = min(losses)
        if loss < state.trial_loss:
            walk.move(state.coordinate, values[losses.index(loss)])
            state.trial_loss = loss
            _recommend(state)
        state.coordinate += 1
        if state.coordinate == len(state.trial):
            state.iteration += 1

    def _start_sweep(self, objective: Objective, state: PatternState) -> None:
        if state.trial_loss < state.base_loss:
            _pattern_move(objective, state)
        elif state.moved:
            state.trial, state.trial_loss, state.moved = state.base.clone(), state.base_loss, False
        else:
            # Where no loss is finite there is nothing to refine: the way out lies further away.
            state.sigma *= self.shrink if math.isfinite(state.trial_loss) else 1 / self.shrink
            if state.sigma < self.tolerance:
                state.finished = f"the step size fell below {self.tolerance:g}"
        state.coordinate = 0


def _pattern_move(objective: Objective, state: PatternState) -> None:
    """Go from base through trial as far again; what was trial becomes the base to return to."""
    walk = objective.walk(2 * state.trial - state.base)
    state.base, state.base_loss = state.trial, state.trial_loss
    state.trial, state.trial_loss = walk.theta, walk.loss
    state.moved = True
    _recommend(state)


def _recommend(state: PatternState) -> None:
    if state.trial_loss < state.base_loss:
        state.theta.copy_(state.trial)
