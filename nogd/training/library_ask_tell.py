"""Learners whose library is asked for points and told their losses, by an object that no state can hold."""

from __future__ import annotations

import math
import zlib
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Generator, Tensor

from nogd.engine.candidates.sets import Population
from nogd.engine.objective import Objective
from nogd.engine.space import ParameterSpace
from nogd.engine.state import State
from nogd.training.learner import Learner

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(kw_only=True)
class LibraryState(State):
    """start, seed: what the library's object is made of. told: the losses of each of its sets of points, `[P]` each;
    checks: their checksums. best: the loss of theta, the best of all points.
    """

    start: Tensor
    seed: int
    best: float
    told: list[Tensor] = field(default_factory=list)
    checks: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.library: Any = None  # no field: a checkpoint has what it is made again from


class LibraryAskTell(Learner[LibraryState]):
    """Base of learners that ask an object of a library for points and tell it their losses: write `make`, `ask` and
    `tell`.

    The object is kept from step to step. A checkpoint has the losses that it was told, from which a resumed run makes
    it again; a checksum of each set of points detects a library that does not repeat itself. The start is scored first.

    :cvar WORST: what the library is told in place of an infinite loss, which many cannot handle.
    """

    WORST: ClassVar[float] = 1e300

    @abstractmethod
    def make(self, space: ParameterSpace, theta: Array, seed: int) -> Any:
        """The library's object.

        :param space: the objective's, with the search box.
        :param theta: the starting point, `[D]`, float64.
        :param seed: of all the library's randomness, below 2**31; nothing that belongs to the process is to be seeded.
        """

    @abstractmethod
    def ask(self, library: Any) -> Array:
        """The points to score next, `[P, D]`.

        :param library: what `make` returned.
        """

    @abstractmethod
    def tell(self, library: Any, points: Array, losses: Array) -> str | None:
        """Tell the library the losses of the points that it was asked for.

        :param library: what `make` returned.
        :param points: `[P, D]`.
        :param losses: `[P]`, all of them finite.
        :returns: the library's reason to stop, or None.
        """

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> LibraryState:
        seed = int(torch.randint(2**31, (), generator=rng, device=rng.device))
        best = float(objective.losses(Population(theta[None]))[0])
        return LibraryState(theta=theta, start=theta.clone(), seed=seed, best=best)

    def step(self, objective: Objective, state: LibraryState) -> None:
        # Kept only when it was told all that it asked for: a budget may end in between.
        library, state.library = state.library, None
        if library is None:
            library = self._made_again(objective, state)
        points = np.asarray(self.ask(library), dtype=np.float64)
        losses = _scored(objective, state, points)
        state.told.append(losses)
        state.checks.append(_check(points))
        state.finished = self.tell(library, points, self._digestible(losses))
        state.iteration += 1
        state.library = library

    def _made_again(self, objective: Objective, state: LibraryState) -> Any:
        """The library's object after all that it was told."""
        library = self.make(
            objective.space, state.start.detach().cpu().numpy().astype(np.float64), state.seed
        )
        for losses, check in zip(state.told, state.checks, strict=True):
            points = np.asarray(self.ask(library), dtype=np.float64)
            if _check(points) != check:
                raise RuntimeError(
                    f"{self.name} asked for other points when it was made again: its library has randomness that `seed`"
                    " does not reach, so it cannot be resumed."
                )
            self.tell(library, points, self._digestible(losses))
        return library

    def _digestible(self, losses: Tensor) -> Array:
        told = losses.cpu().numpy().astype(np.float64)
        return np.where(np.isfinite(told), told, self.WORST)


def _scored(objective: Objective, state: LibraryState, points: Array) -> Tensor:
    """The losses of the points, as many at a time as fit the budget, so that none of it is left; the best is kept."""
    thetas = torch.as_tensor(points, dtype=state.theta.dtype, device=state.theta.device)
    found: list[Tensor] = []
    while sum(map(len, found)) < len(thetas):
        some = thetas[sum(map(len, found)) :][: objective.room()]
        losses = objective.losses(Population(some))
        best = int(losses.argmin())
        if float(losses[best]) < state.best and math.isfinite(float(losses[best])):
            state.best, state.theta = float(losses[best]), some[best].clone()
        found.append(losses)
    return torch.cat(found)


def _check(points: Array) -> int:
    return zlib.crc32(np.ascontiguousarray(points).tobytes())
