"""Learners of the chaos: one that is slow enough to be hit, one that raises, one whose process ends at once."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field

from nogd import Learner, Objective, Population, State, hookimpl


class Steady(Learner):
    """Take a random step if it helps, and sleep before each."""

    name: ClassVar[str] = "steady"
    sigma: float = Field(0.1, gt=0, description="length of a step")
    pause: float = Field(0.01, ge=0, description="seconds to sleep before a step")

    def init(self, objective: Objective, theta: torch.Tensor, rng: torch.Generator) -> State:
        return State(theta=theta)

    def step(self, objective: Objective, state: State) -> None:
        time.sleep(self.pause)
        rng = torch.Generator().manual_seed(state.iteration)
        moved = state.theta + self.sigma * torch.randn(len(state.theta), generator=rng)
        now, then = objective.losses(Population(torch.stack([state.theta, moved]))).tolist()
        if then < now:
            state.theta = moved
        state.iteration += 1
        if state.iteration == 3:
            self.third()

    def third(self) -> None:
        """What it does in its third step; others do what they are named after."""


class Raises(Steady):
    """Raise an exception."""

    name: ClassVar[str] = "raises"

    def third(self) -> None:
        raise ValueError("bad luck")


class Vanishes(Steady):
    """End the process without a word."""

    name: ClassVar[str] = "vanishes"

    def third(self) -> None:
        os._exit(3)


@hookimpl
def nogd_learners() -> Sequence[type[Learner]]:
    """All of them."""
    return [Steady, Raises, Vanishes]
