"""Base of learners that draw all hidden layers at once and solve the last one."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd.engine.candidates.sets import Population
from nogd.engine.objective import Objective
from nogd.engine.state import State
from nogd.engine.surrogates import Kind
from nogd.errors import InvalidSetting
from nogd.training.learner import Learner

# Newton steps of a readout that begins at zeros.
STEPS = 6

Ridge = Annotated[float, Field(gt=0, allow_inf_nan=False, description="weight of the last layer's squares")]
Surrogate = Annotated[
    Kind | None,
    Field(
        description="loss that is followed at the outputs; the task's own, or what stands for it, if not given"
    ),
]


@dataclass(kw_only=True)
class DrawnState(State):
    """loss: of theta, the best drawn so far. drawn: how many that were."""

    rng: Generator
    loss: float = math.inf
    drawn: int = 0


def unsolvable(objective: Objective, surrogate: Kind | None) -> str | None:
    """Why no last layer can be solved there for that loss, or None."""
    try:
        objective.readout_cost(surrogate=surrogate)
    except InvalidSetting as refusal:
        return str(refusal)
    return None


class DrawnFeatures(Learner[DrawnState]):
    """Draws hidden layers by `draw`, solves the last one, and keeps the best network of all."""

    needs: ClassVar[frozenset[str]] = frozenset({"readout"})
    tags: ClassVar[frozenset[str]] = frozenset({"closed-form", "random"})
    draws: int = Field(128, ge=1, description="networks drawn in all, if the budget allows")
    population: int = Field(8, ge=1, description="networks drawn in a step")
    ridge: Ridge = 1e-5
    surrogate: Surrogate = None

    @abstractmethod
    def draw(self, objective: Objective, theta: Tensor, rng: Generator) -> Tensor:
        """Theta `[D]` with other hidden layers, changed in place; what that computes is paid for."""

    @abstractmethod
    def passes(self, objective: Objective) -> int:
        """Forwards and evaluations that a draw pays."""

    def supports(self, objective: Objective) -> str | None:
        return unsolvable(objective, self.surrogate)

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> DrawnState:
        state = DrawnState(theta=theta, rng=rng)
        state.loss = float(objective.losses(Population(theta[None]))[0])
        return state

    def step(self, objective: Objective, state: DrawnState) -> None:
        draws = range(min(self._room(objective), self.draws - state.drawn))
        thetas = torch.stack([self.draw(objective, state.theta.clone(), state.rng) for _ in draws])
        found = objective.readout(Population(thetas), ridge=self.ridge, steps=STEPS, surrogate=self.surrogate)
        best = int(found.losses.argmin())
        if float(found.losses[best]) < state.loss:
            state.loss, state.theta = float(found.losses[best]), found.at(best)
        state.drawn += len(draws)
        state.iteration += 1
        if state.drawn == self.draws:
            state.finished = f"{self.draws} networks were drawn"

    def _room(self, objective: Objective) -> int:
        passes, left = self.passes(objective), objective.left
        price = passes + objective.readout_cost(steps=STEPS, surrogate=self.surrogate)
        return max(1, int(min(self.population, left.forwards / price, left.evaluations / (passes + 1))))
