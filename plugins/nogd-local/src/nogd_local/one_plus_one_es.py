"""The (1+1)-ES: one child per step, and a step size that one success in five keeps as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Learner, Objective, Population, State

# On a plateau every child is as good as its parent, and the step size would grow without end.
LARGEST_GROWTH = 1e6


@dataclass(kw_only=True)
class EvolutionState(State):
    """theta is the parent, loss its loss, sigma the deviation of its children."""

    rng: Generator
    loss: float
    sigma: float


class OnePlusOne(Learner[EvolutionState]):
    """One normally distributed child per step, which replaces its parent unless it is worse (the (1+1)-ES).

    The step size grows by exp(1/3) with a child that is no worse and shrinks by exp(-1/12) with one that is, so that
    it stays where one child in five succeeds. A step, which is an iteration, costs 1 forward. Source: Rechenberg 1973;
    in this form Kern et al., Natural Computing 3(1), 2004, doi 10.1023/B:NACO.0000023416.59689.4e.
    """

    name: ClassVar[str] = "one-plus-one-es"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution"})
    sigma: float = Field(
        0.1, gt=0, allow_inf_nan=False, description="first standard deviation of a child, in theta's units"
    )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> EvolutionState:
        loss = float(objective.losses(Population(theta[None]))[0])
        return EvolutionState(theta=theta, rng=rng, loss=loss, sigma=self.sigma)

    def step(self, objective: Objective, state: EvolutionState) -> None:
        child = torch.empty_like(state.theta).normal_(generator=state.rng).mul_(state.sigma).add_(state.theta)
        loss = float(objective.losses(Population(child[None]))[0])
        if loss <= state.loss:  # an equal one counts: on a plateau the search walks on
            state.theta, state.loss = child, loss
            state.sigma = min(state.sigma * math.exp(1 / 3), self.sigma * LARGEST_GROWTH)
        else:
            state.sigma *= math.exp(-1 / 12)
        state.iteration += 1
