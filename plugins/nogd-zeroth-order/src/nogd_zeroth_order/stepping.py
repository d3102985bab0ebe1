"""What all learners here do: look along a few directions, move by the slopes found, take back what led nowhere."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, TypeVar

from pydantic import Field
from torch import Tensor

from nogd import (
    BatchState,
    Learner,
    LowRank,
    Objective,
    Perturbed,
    Subspace,
    batch_size,
    next_rows,
    used_rows,
)
from nogd_zeroth_order import settings

Probes = Perturbed | LowRank | Subspace

# Directions of a first step that the rate follows from: the slope along a single one may be next to nothing.
FIRST_DIRECTIONS = 8


@dataclass(kw_only=True)
class SteppingState(BatchState):
    """rate: the present learning rate, 0 while none is known. usual: mean size of the latest slopes that were not 0.

    halved: how often the rate was. before: theta before the latest step, None where there is none to be taken back.
    width: mean width of the search box, 0 while nobody has asked for it.
    """

    rate: float = 0.0
    halved: int = 0
    usual: float = 0.0
    before: Tensor | None = None
    width: float = 0.0


S = TypeVar("S", bound=SteppingState)


@dataclass(frozen=True)
class Look:
    """What a step has found. probes: candidates that can be combined; slopes: along each of their directions, `[K]`.

    known: whether the slopes' size tells anything, which it does not where each direction leads to where no loss is
    finite.
    """

    probes: Probes
    slopes: Tensor
    known: bool = True

    @cached_property
    def size(self) -> float:
        """Root of the slopes' mean square."""
        return mean_size(self.slopes)


class Stepping(Learner[S]):
    """Base: ask, then move at a rate that follows from the first slopes, unless one is given.

    Where it follows from them no later step is longer than the first one was to be.
    A step that led to where nothing has a finite loss is taken back, and the rate halved.
    """

    tags: ClassVar[frozenset[str]] = frozenset({"zeroth-order"})
    batches: ClassVar[bool] = True
    lr: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="learning rate; it follows from `first_step` if not given",
    )
    first_step: float = settings.first_step(0.03)
    rows: int | None = Field(None, ge=1, description="examples of a mini-batch; all if not given")

    @abstractmethod
    def look(self, objective: Objective, state: S, rows: Tensor | None) -> Look | None:
        """Ask the objective; None where no loss is finite."""

    @abstractmethod
    def move(self, state: S, found: Look) -> None:
        """Change `state.theta`, at `state.rate`."""

    def directions(self, state: S, count: int) -> int:
        """How many directions the step takes: more in the first one, if the rate follows from it."""
        return max(FIRST_DIRECTIONS, count) if self.lr is None and not state.rate else count

    def gain(self, length: float, found: Look) -> float:
        """The rate at which the first step has this length; 0 where nothing tells."""
        return rate_for(length, found.size, len(found.slopes), found.probes.dimension)

    def remember(self, state: S) -> None:
        """Keep what taking the next step back needs."""
        state.before = state.theta.clone()

    def retreat(self, state: S) -> bool:
        """Take the latest step back, if it was not yet; whether it could be."""
        if state.before is None:
            return False
        state.theta.copy_(state.before)
        state.before = None
        return True

    def step(self, objective: Objective, state: S) -> None:
        size = batch_size(objective, self.rows)
        found = self.look(objective, state, next_rows(objective, state, size))
        used_rows(objective, state, size)
        if found is not None:
            self._take(objective, state, found)
        elif self.retreat(state):
            state.rate /= 2
            state.halved += 1
        state.iteration += 1

    def _take(self, objective: Objective, state: S, found: Look) -> None:
        if found.known:
            state.usual = found.size or state.usual
        rate = state.rate
        if self.lr is None:
            found = self._shortened(objective, state, found)
        else:
            state.rate = self.lr * 0.5**state.halved
        if state.rate:
            self.remember(state)
            self.move(state, found)
        if not found.known:
            state.rate = rate

    def _shortened(self, objective: Objective, state: S, found: Look) -> Look:
        """The same with slopes at which the step is no longer than the first one, of which the rate is made."""
        state.width = state.width or box_width(objective)
        most = self.gain(self.first_step * state.width, found)
        state.rate = state.rate or most
        if not 0 < most < state.rate:
            return found
        return Look(found.probes, found.slopes * (most / state.rate))


def mean_size(slopes: Tensor) -> float:
    """Root of the mean square."""
    return float(slopes.square().mean().sqrt())


def box_width(objective: Objective) -> float:
    """Mean width of the search box."""
    return sum((t.high - t.low) * (t.stop - t.start) for t in objective.space) / objective.D


def rate_for(length: float, size: float, count: int, D: int) -> float:
    """The rate at which a step by the mean of directions of unit variance, times their slopes, has about this length.

    For normal directions the mean square of the estimate's length is 1 + (D + 1) / count times that of the gradient.

    :param length: in theta's units.
    :param size: root of the slopes' mean square.
    :param count: of directions.
    :returns: 0 where all slopes are 0.
    """
    size *= math.sqrt(1 + (D + 1) / count)
    return length / size if size else 0.0
