"""Random search: the baseline that every learner has to beat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from torch import Generator, Tensor

from nogd.engine.candidates.sets import Population
from nogd.engine.objective import Objective
from nogd.engine.state import State
from nogd.training.learner import Learner


@dataclass(kw_only=True)
class RandomState(State):
    """loss: of theta, the best drawn so far."""

    rng: Generator
    loss: float = math.inf


class RandomSearch(Learner[RandomState]):
    """Draw vectors uniformly from the box and keep the best of all (Brooks 1958, doi 10.1287/opre.6.2.244).

    The starting point is scored first, so the result is never worse than the start. A step, which is an iteration,
    draws `population` vectors, the last one as many as the budget still allows.
    """

    name: ClassVar[str] = "random-search"
    tags: ClassVar[frozenset[str]] = frozenset({"random"})
    population: int = Field(32, ge=1, description="vectors drawn in a step")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> RandomState:
        state = RandomState(theta=theta, rng=rng)
        state.loss = float(objective.losses(Population(theta[None]))[0])
        return state

    def step(self, objective: Objective, state: RandomState) -> None:
        thetas = objective.space.sample(min(self.population, objective.room()), state.rng)
        losses = objective.losses(Population(thetas))
        best = int(losses.argmin())
        loss = float(losses[best])
        if loss < state.loss:
            state.loss, state.theta = loss, thetas[best].clone()
        state.iteration += 1
