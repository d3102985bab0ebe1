"""A plugin of learners that show where they run, and how they are treated there."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psutil
import torch

from nogd import Learner, Population, State, hookimpl


@dataclass(kw_only=True)
class Walk(State):
    rng: torch.Generator


class Witness(Learner):
    """Walk at random, and write down each step: the process, the step, and a variable (Pepys 1660)."""

    name: ClassVar[str] = "witness"
    diary: str = ""
    seconds: float = 0.0

    def init(self, objective, theta, rng):
        return Walk(theta=theta, rng=rng)

    def step(self, objective, state):
        time.sleep(self.seconds)
        step = torch.randn(len(state.theta), generator=state.rng)
        objective.losses(Population((state.theta + step)[None]))
        state.theta = state.theta + step
        if self.diary:
            with Path(self.diary).open("a") as file:
                print(os.getpid(), state.iteration, os.environ.get("WITNESS", "-"), file=file)
        state.iteration += 1


class Glutton(Witness):
    """Take a GiB of memory, and keep it (Rabelais 1534)."""

    name: ClassVar[str] = "glutton"

    def init(self, objective, theta, rng):
        self.eaten = bytearray(os.urandom(2**20) * 2**10)
        time.sleep(60)


class Saboteur(Witness):
    """End what it runs under, wherever it is sent to (Guy Fawkes 1605)."""

    name: ClassVar[str] = "saboteur"

    def init(self, objective, theta, rng):
        for process in psutil.Process().parents():
            if "work" in process.cmdline():
                process.kill()
        time.sleep(60)


@hookimpl
def nogd_learners():
    return [Witness, Glutton, Saboteur]
