"""A plugin of learners whose candidates can be divided where a network is large enough to score them one by one."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from nogd import Learner, Perturbed, State, Subspace, hookimpl


@dataclass(kw_only=True)
class Walk(State):
    rng: torch.Generator


class Noisy(Learner):
    """Walk along random directions, by how good they are, and write down each step (Marconi 1901)."""

    name: ClassVar[str] = "noisy"
    diary: str = ""
    seconds: float = 0.0

    def init(self, objective, theta, rng):
        return Walk(theta=theta, rng=rng)

    def candidates(self, state):
        if state.iteration % 2:
            return Subspace(state.theta, torch.randn(3, len(state.theta), generator=state.rng), 0.1)
        seeds = torch.randint(2**62, (3,), generator=state.rng)
        return Perturbed(state.theta, tuple(seeds.tolist()), 0.1)

    def step(self, objective, state):
        time.sleep(self.seconds)
        candidates = self.candidates(state)
        losses = objective.losses(candidates)
        moved = state.theta.clone()
        candidates.combine(-0.1 * losses / losses.sum(), moved)
        state.theta = moved
        if self.diary:
            with Path(self.diary).open("a") as file:
                print(os.getpid(), state.iteration, file=file)
        state.iteration += 1


class Traitor(Noisy):
    """Ask for other candidates in each process (Brutus, 44 BC)."""

    name: ClassVar[str] = "traitor"

    def candidates(self, state):
        return Perturbed(state.theta + os.getpid(), (1, 2, 3), 0.1)


@hookimpl
def nogd_learners():
    return [Noisy, Traitor]
