"""Powell's method: line searches along a set of directions, which learns the directions that paid off."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from scipy.optimize import minimize_scalar
from torch import Generator, Tensor

from nogd import Learner, Objective, Population, State

LARGEST_SET = 2**30  # bytes
FURTHEST = (
    1e15  # times a direction; where a loss falls for ever, a bracket would go on to where no number is finite
)
WORST = 1e300  # what a line search is told instead of infinity, with which it could not reckon


@dataclass(kw_only=True)
class PowellState(State):
    """theta is the best point of all, best its loss; here [D] is where the sweep stands, loss its loss.

    directions [D, D], one a row; place: the next one. start, start_loss: where the sweep began. gain: the largest of
    the sweep so far, made along direction `gainer`.
    """

    here: Tensor
    loss: float
    best: float
    directions: Tensor
    start: Tensor
    start_loss: float
    place: int = 0
    gain: float = 0.0
    gainer: int = 0


class Powell(Learner[PowellState]):
    """Search along each of D directions in turn; replace one of them by where the whole sweep led, if that promises.

    The directions are the coordinates at first, so that the first lines are walks along one weight. A line search is
    scipy's bracket and Brent's method. The outer loop is nogd's own: a step is one line search, so that a run can be
    stopped and resumed between any two, and scores lines along a weight as such, which a library that asks for whole
    points could not. A step costs 10 to 40 forwards, the last of a sweep 1 to 40; an iteration is a sweep of D + 1
    steps. As in the paper, a sweep is measured from where the search along the last new direction ended; scipy and
    Numerical Recipes measure it from where that search began, and take nearly twice as long in Rosenbrock's valley in
    the plane. Sources: Powell, Computer Journal 7(2), 1964, doi 10.1093/comjnl/7.2.155; when to replace a direction,
    and which: Acton 1970, in Press et al., Numerical Recipes, section 10.7.
    """

    name: ClassVar[str] = "powell"
    tags: ClassVar[frozenset[str]] = frozenset({"direct-search"})
    sigma: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="first step along each coordinate, in theta's units"
    )
    precision: float = Field(
        0.01,
        gt=0,
        lt=1,
        description="a line search ends when its minimum is known to this share of its distance",
    )
    tolerance: float = Field(
        1e-6, ge=0, description="the search ends when a sweep lowers the loss by no larger share"
    )

    def supports(self, objective: Objective) -> str | None:
        size = objective.D**2 * objective.dtype.itemsize
        if size <= LARGEST_SET:
            return None
        return f"directions of {objective.D:,} parameters take {size / 2**30:.1f} GiB, and 1 GiB is the most"

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> PowellState:
        walk = objective.walk(theta.clone())
        return PowellState(
            theta=theta,
            here=walk.theta,
            loss=walk.loss,
            best=walk.loss,
            directions=torch.eye(len(theta), dtype=theta.dtype, device=theta.device).mul_(self.sigma),
            start=theta.clone(),
            start_loss=walk.loss,
        )

    def step(self, objective: Objective, state: PowellState) -> None:
        if state.place == objective.D:
            self._end_sweep(objective, state)
            return
        before = state.loss
        self._search(objective, state, state.directions[state.place])
        if before - state.loss > state.gain:
            state.gain, state.gainer = before - state.loss, state.place
        state.place += 1

    def _end_sweep(self, objective: Objective, state: PowellState) -> None:
        """Ask as far again in the direction of the sweep; if that promises, search along it and keep it."""
        least = self.tolerance * abs(state.start_loss) if math.isfinite(state.start_loss) else 0.0
        if not state.loss < state.start_loss - least:
            state.finished = f"a sweep lowered the loss by no more than {self.tolerance:g} of it"
            return
        direction = state.here - state.start
        beyond = 2 * state.here - state.start
        beyond_loss = float(objective.losses(Population(beyond[None]))[0])
        _recommend(state, beyond, beyond_loss)
        if _promises(state.start_loss, state.loss, beyond_loss, state.gain):
            times = self._search(objective, state, direction)
            if times:
                state.directions[state.gainer] = state.directions[-1]
                state.directions[-1] = times * direction
        state.start, state.start_loss = state.here.clone(), state.loss
        state.place, state.gain, state.gainer = 0, 0.0, 0
        state.iteration += 1

    def _search(self, objective: Objective, state: PowellState, direction: Tensor) -> float:
        """Go to the minimum along a direction [D]; returns how many times the direction that was."""
        line = _Line(objective, state, direction)
        with np.errstate(
            all="ignore"
        ):  # Brent's method tries its parabola where losses may be huge, and checks it
            minimize_scalar(line.ask, bracket=(0.0, 1.0), method="brent", options={"xtol": self.precision})
        return line.go()


class _Line:
    """The line through where the search stands: a walk if it runs along a coordinate, else whole points."""

    def __init__(self, objective: Objective, state: PowellState, direction: Tensor) -> None:
        self._objective, self._state, self._direction = objective, state, direction
        self._origin = state.here.clone()
        axes = direction.nonzero()[:, 0].tolist()
        self._axis: int | None = axes[0] if len(axes) == 1 else None
        self._times, self._loss = 0.0, state.loss

    def ask(self, times: float) -> float:
        """The loss so many times the direction from the origin; that of the origin is known."""
        times = float(times)
        if times == 0.0:
            return min(self._state.loss, WORST)
        if not abs(times) <= FURTHEST:
            return WORST
        point = self._at(times)
        loss = self._score(point)
        if loss < self._loss:
            self._times, self._loss = times, loss
            _recommend(self._state, point, loss)
        return min(loss, WORST)

    def go(self) -> float:
        """Set the search to the best point asked for; returns how many times the direction that is."""
        if self._times == 0.0:
            return 0.0
        point = self._at(self._times)
        if self._axis is None:
            self._state.here = point
        else:
            self._objective.walk(self._state.here).move(self._axis, point[self._axis])
        self._state.loss = self._loss
        return self._times

    def _at(self, times: float) -> Tensor:
        return torch.add(self._origin, self._direction, alpha=times)

    def _score(self, point: Tensor) -> float:
        if self._axis is None:
            return float(self._objective.losses(Population(point[None]))[0])
        walk = self._objective.walk(self._state.here)
        return float(walk.losses(self._axis, point[self._axis, None])[0])


def _recommend(state: PowellState, point: Tensor, loss: float) -> None:
    if loss < state.best:
        state.theta, state.best = point.clone(), loss


def _promises(start: float, end: float, beyond: float, gain: float) -> bool:
    """Whether the direction of a sweep is worth more than the one that gained most: by a parabola through three points.

    start, end: losses before and after the sweep; beyond: as far again. False where any of them is infinite.
    """
    curvature = 2 * (start - 2 * end + beyond) * (start - end - gain) ** 2
    return beyond < start and curvature < gain * (start - beyond) ** 2
