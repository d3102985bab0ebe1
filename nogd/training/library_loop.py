"""Learners whose library owns the loop: the answers are logged, and a step runs the library again on the log."""

from __future__ import annotations

import math
import zlib
from abc import abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Generator, Tensor

from nogd.engine.candidates.sets import Population
from nogd.engine.objective import Objective
from nogd.engine.state import State
from nogd.training.learner import Learner


class _Pause(BaseException):
    """Leave the library's loop at the end of a step; a BaseException, so that the library lets it through."""


Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(kw_only=True)
class LoopState(State):
    """The answers given so far: a step reruns the library on them and goes on from there."""

    start: Tensor
    seed: int
    best: float = math.inf
    losses: list[float] = field(default_factory=list)
    gradients: list[Tensor] = field(default_factory=list)
    checks: list[int] = field(default_factory=list)


class Loop(Learner[LoopState]):
    """Base of learners whose library owns the loop (scipy, for example): write `drive`.

    A step reruns the library on the logged answers and goes on for 64, 128, 256, ... new evaluations, so that it can be
    checkpointed like any other. A checksum of each point detects a library that does not repeat itself.

    :cvar FIRST_STEP: new evaluations of the first step.
    :cvar WORST: what the library gets in place of an infinite loss, which many cannot handle.
    """

    FIRST_STEP: ClassVar[int] = 64
    WORST: ClassVar[float] = (
        1e300  # what a library is told instead of an infinite loss, which many cannot digest
    )

    @abstractmethod
    def drive(self, ask: Questions, theta: Array, seed: int) -> str:
        """Run the library from theta, with `ask` as its function.

        :param ask: takes a point `[D]`; returns its loss, or (loss, gradient `[D]`) if the learner needs gradients.
            `ask.all` takes P points at once, `[P, D]`, and returns their losses, and `ask.space` has the search box.
        :param theta: the starting point, `[D]`, float64.
        :param seed: of all the library's randomness.
        :returns: the library's reason to stop.
        """

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> LoopState:
        seed = int(torch.randint(2**31, (), generator=rng, device=rng.device))
        return LoopState(theta=theta, start=theta.clone(), seed=seed)

    def step(self, objective: Objective, state: LoopState) -> None:
        questions = Questions(self, objective, state)
        start = state.start.detach().cpu().numpy().astype(np.float64)
        with suppress(_Pause):
            state.finished = str(self.drive(questions, start, state.seed))
        state.iteration += 1


class Questions:
    """The library's function: answers from the log as far as it goes, then from the objective.

    :ivar space: the objective's, with the search box.
    """

    def __init__(self, learner: Loop, objective: Objective, state: LoopState) -> None:
        self.space = objective.space
        self._learner, self._objective, self._state = learner, objective, state
        self._asked = 0
        self._stop = len(state.losses) + learner.FIRST_STEP * 2**state.iteration

    def __call__(self, x: Array) -> Any:
        """The loss of a point `[D]`, or (loss, gradient `[D]`) if the learner needs gradients."""
        place = self._asked
        self._go_on(np.asarray(x)[None])
        loss = self._told(place)
        gradients = self._state.gradients
        return (loss, gradients[place].cpu().numpy().astype(np.float64)) if gradients else loss

    def all(self, points: Array) -> Array:
        """The losses of P points `[P, D]`, as `[P]`; scored together, which is faster than one by one."""
        place = self._asked
        self._go_on(points)
        return np.array([self._told(k) for k in range(place, self._asked)])

    def _told(self, place: int) -> float:
        loss = self._state.losses[place]
        return loss if math.isfinite(loss) else self._learner.WORST

    def _go_on(self, points: Array) -> None:
        state = self._state
        checks = [zlib.crc32(np.ascontiguousarray(x, dtype=np.float64).tobytes()) for x in points]
        logged = max(0, min(len(checks), len(state.losses) - self._asked))
        if checks[:logged] != state.checks[self._asked : self._asked + logged]:
            raise RuntimeError(
                f"{self._learner.name} asked for another point when it was run again: its library has randomness"
                " that `seed` does not reach, so it cannot be resumed."
            )
        while logged < len(checks):
            if len(state.losses) >= self._stop:
                raise _Pause
            fits = 1 if "gradient" in self._learner.needs else self._objective.room()
            some = slice(logged, min(len(checks), logged + fits))
            self._answer_anew(points[some], checks[some])
            logged = some.stop
        self._asked += len(checks)

    def _answer_anew(self, points: Array, checks: list[int]) -> None:
        state, objective = self._state, self._objective
        thetas = torch.as_tensor(points, dtype=state.theta.dtype, device=state.theta.device)
        if "gradient" in self._learner.needs:
            loss, gradient = objective.gradient(thetas[0])
            state.gradients.append(gradient)
            losses = [float(loss)]
        else:
            losses = objective.losses(Population(thetas)).tolist()
        state.losses += losses
        state.checks += checks
        for theta, loss_there in zip(thetas, losses, strict=True):
            if loss_there < state.best and math.isfinite(loss_there):
                state.best, state.theta = loss_there, theta.clone()
