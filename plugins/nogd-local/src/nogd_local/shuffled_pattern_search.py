"""Pattern search in shuffled order, without pattern moves: take the first single step that helps, and shuffle anew."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Learner, Objective, State


@dataclass(kw_only=True)
class ShuffledState(State):
    """theta is where the search stands, loss its loss.

    trials [2 D]: coordinates in the order to try them, k for a step up and D + k for one down; place: the next one.
    """

    rng: Generator
    loss: float
    sigma: float
    trials: Tensor
    place: int = 0


class ShuffledPatternSearch(Learner[ShuffledState]):
    """Try steps up and down in single weights in random order, and take the first that lowers the loss.

    After each success all 2 D trials are shuffled anew; the step is halved only when all of them have failed from one
    point. Unlike Hooke and Jeeves' `pattern-search` it makes no pattern moves. A step is one trial and costs 1 forward;
    an iteration is one list of trials, ended by a success or by its last failure. Source: Chiang et al., "Loss
    landscapes are all you need", ICLR 2023 (openreview QC10RmRbZy9); there the first step is 1, which suits PyTorch's
    initial weights less.
    """

    name: ClassVar[str] = "shuffled-pattern-search"
    tags: ClassVar[frozenset[str]] = frozenset({"coordinate", "direct-search"})
    sigma: float = Field(0.25, gt=0, allow_inf_nan=False, description="first step size, in theta's units")
    shrink: float = Field(0.5, gt=0, lt=1, description="factor of the step size once all trials have failed")
    tolerance: float = Field(1e-6, ge=0, description="the search ends when the step size falls below it")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> ShuffledState:
        loss = objective.walk(theta).loss
        return ShuffledState(theta=theta, rng=rng, loss=loss, sigma=self.sigma, trials=_shuffle(theta, rng))

    def step(self, objective: Objective, state: ShuffledState) -> None:
        walk = objective.walk(state.theta)
        sign, index = divmod(int(state.trials[state.place]), objective.D)
        value = state.theta[index] + (state.sigma if sign == 0 else -state.sigma)
        loss = float(walk.losses(index, value[None])[0])
        state.place += 1
        if loss < state.loss:
            walk.move(index, value)
            state.loss = loss
        elif state.place < len(state.trials):
            return
        else:
            self._shrink(state)
        state.trials, state.place = _shuffle(state.theta, state.rng), 0
        state.iteration += 1

    def _shrink(self, state: ShuffledState) -> None:
        # Where no loss is finite there is nothing to refine: the way out lies further away.
        state.sigma *= self.shrink if math.isfinite(state.loss) else 1 / self.shrink
        if state.sigma < self.tolerance:
            state.finished = f"the step size fell below {self.tolerance:g}"


def _shuffle(theta: Tensor, rng: Generator) -> Tensor:
    return torch.randperm(2 * len(theta), generator=rng, device=rng.device).cpu()
