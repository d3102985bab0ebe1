"""Learners whose library owns the loop: the answers are logged, and a step runs the library again on the log."""

from __future__ import annotations

import math
import zlib
from abc import abstractmethod
from collections.abc import Callable
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


Ask = Callable[[np.ndarray[Any, np.dtype[np.float64]]], Any]


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
    def drive(self, ask: Ask, theta: np.ndarray[Any, np.dtype[np.float64]], seed: int) -> str:
        """Run the library from theta, with `ask` as its function.

        :param ask: takes a point `[D]`; returns its loss, or (loss, gradient `[D]`) if the learner needs gradients.
        :param theta: the starting point, `[D]`, float64.
        :param seed: of all the library's randomness.
        :returns: the library's reason to stop.
        """

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> LoopState:
        seed = int(torch.randint(2**31, (), generator=rng, device=rng.device))
        return LoopState(theta=theta, start=theta.clone(), seed=seed)

    def step(self, objective: Objective, state: LoopState) -> None:
        conversation = _Conversation(self, objective, state)
        start = state.start.detach().cpu().numpy().astype(np.float64)
        with suppress(_Pause):
            state.finished = str(self.drive(conversation.ask, start, state.seed))
        state.iteration += 1


class _Conversation:
    """Answers the library: from the log as far as it goes, then from the objective."""

    def __init__(self, learner: Loop, objective: Objective, state: LoopState) -> None:
        self._learner, self._objective, self._state = learner, objective, state
        self._asked = 0
        self._stop = len(state.losses) + learner.FIRST_STEP * 2**state.iteration

    def ask(self, x: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
        state, k = self._state, self._asked
        check = zlib.crc32(np.ascontiguousarray(x, dtype=np.float64).tobytes())
        if k == len(state.losses):
            if k >= self._stop:
                raise _Pause
            self._answer_anew(x, check)
        elif state.checks[k] != check:
            raise RuntimeError(
                f"{self._learner.name} asked for another point when it was run again: its library has randomness"
                " that `seed` does not reach, so it cannot be resumed."
            )
        self._asked += 1
        loss = state.losses[k] if math.isfinite(state.losses[k]) else self._learner.WORST
        return (loss, state.gradients[k].cpu().numpy().astype(np.float64)) if state.gradients else loss

    def _answer_anew(self, x: np.ndarray[Any, np.dtype[np.float64]], check: int) -> None:
        state, objective = self._state, self._objective
        theta = torch.as_tensor(x, dtype=state.theta.dtype, device=state.theta.device)
        if "gradient" in self._learner.needs:
            loss_at, gradient = objective.gradient(theta)
            state.gradients.append(gradient)
        else:
            loss_at = objective.losses(Population(theta[None]))[0]
        loss = float(loss_at)
        state.losses.append(loss)
        state.checks.append(check)
        if loss < state.best and math.isfinite(loss):
            state.best, state.theta = loss, theta.clone()
