"""Guess and check: draw whole networks until one fits perfectly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Learner, Objective, Population, State


@dataclass(kw_only=True)
class GuessState(State):
    """loss: of theta, the best guess so far."""

    rng: Generator
    loss: float = math.inf


class GuessAndCheck(Learner[GuessState]):
    """Draw networks at random and stop at the first whose training loss is no higher than `threshold`.

    What it accepts is an unbiased sample of the networks that fit, which no search can say of its results; until then
    the best guess is recommended. It takes about 1 / (share of the networks that fit) guesses: a method for few
    examples and short networks, and for asking how much of a result is due to the learner. A step, which is an
    iteration, costs `population` forwards. Source: Chiang et al., "Loss landscapes are all you need", ICLR 2023
    (openreview QC10RmRbZy9); there scale is 1, and a perfect fit is one without a wrong class.
    """

    name: ClassVar[str] = "guess-and-check"
    tags: ClassVar[frozenset[str]] = frozenset({"random"})
    threshold: float = Field(
        0.0,
        allow_inf_nan=False,
        description="training loss that is a perfect fit: 0 where it is a share of errors; under cross-entropy no"
        " example is wrong from ln 2 / examples down",
    )
    scale: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="parameters are drawn from -scale to scale; from the box if not given",
    )
    population: int = Field(32, ge=1, description="networks drawn in a step")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> GuessState:
        state = GuessState(theta=theta, rng=rng)
        self._check(state, theta[None].clone(), objective.losses(Population(theta[None])))
        return state

    def step(self, objective: Objective, state: GuessState) -> None:
        guesses = self._draw(objective, min(self.population, objective.room()), state.rng)
        self._check(state, guesses, objective.losses(Population(guesses)))
        state.iteration += 1

    def _draw(self, objective: Objective, count: int, rng: Generator) -> Tensor:
        if self.scale is None:
            return objective.space.sample(count, rng)
        guesses = torch.empty(count, objective.D, dtype=objective.dtype, device=objective.device)
        return guesses.uniform_(-self.scale, self.scale, generator=rng)

    def _check(self, state: GuessState, guesses: Tensor, losses: Tensor) -> None:
        """Accept the first that fits, not the best: that one would be no fair sample of those that fit."""
        fits = (losses <= self.threshold).nonzero()
        chosen = int(fits[0]) if len(fits) else int(losses.argmin())
        if losses[chosen] < state.loss:
            state.theta, state.loss = guesses[chosen].clone(), float(losses[chosen])
        if len(fits):
            state.finished = f"a guess has a loss of at most {self.threshold:g}"
