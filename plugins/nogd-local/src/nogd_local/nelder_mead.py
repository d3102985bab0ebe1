"""Nelder and Mead's simplex: D + 1 corners, of which the worst is moved through the middle of the others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Learner, Objective, Population, State

LARGEST_SIMPLEX = 2**30  # bytes


@dataclass(kw_only=True)
class SimplexState(State):
    """corners [D + 1, D] with their losses [D + 1]; total [D]: the corners' sum; replaced: corners moved so far.

    move: what is asked for: "simplex", "reflection", "expansion", "outside", "inside" or "shrink". asked [K, D]: those
    points; answers: the losses of the first of them, as far as the budget went. best: the loss of theta.
    """

    corners: Tensor
    losses: Tensor
    total: Tensor
    move: str
    asked: Tensor
    answers: Tensor
    best: float = math.inf
    reflected: float = math.inf
    replaced: int = 0


class NelderMead(Learner[SimplexState]):
    """Move the worst of D + 1 corners through the middle of the others, further if that is best, less if it is bad.

    `adaptive` takes Gao and Han's coefficients, which depend on D; without them the simplex collapses from about 10
    parameters on. The first simplex is theta and a step of `sigma` along each coordinate: an absolute length, as a
    share of theta would be nothing where that is 0. A step asks once and costs 1 forward, but D + 1 for the first
    simplex and D for a shrink; an iteration is 1 or 2 steps, and 1 more where the simplex shrinks. Sources: Nelder and
    Mead 1965, doi 10.1093/comjnl/7.4.308; Gao and Han 2012, doi 10.1007/s10589-010-9329-3.
    """

    name: ClassVar[str] = "nelder-mead"
    tags: ClassVar[frozenset[str]] = frozenset({"direct-search"})
    sigma: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="edge of the first simplex along each coordinate, in theta's units",
    )
    adaptive: bool = Field(True, description="whether the coefficients depend on the number of parameters")
    tolerance: float = Field(
        1e-8,
        ge=0,
        description="the search ends when no corner is further from the best one in any coordinate",
    )

    def supports(self, objective: Objective) -> str | None:
        size = objective.D * (objective.D + 1) * objective.dtype.itemsize
        if size <= LARGEST_SIMPLEX:
            return None
        return f"a simplex of {objective.D:,} parameters takes {size / 2**30:.1f} GiB, and 1 GiB is the most"

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SimplexState:
        corners = theta.repeat(len(theta) + 1, 1)
        corners[1:].diagonal().add_(self.sigma)
        return SimplexState(
            theta=theta,
            corners=corners,
            losses=theta.new_empty(0),
            total=corners.sum(0),
            move="simplex",
            asked=corners.clone(),
            answers=theta.new_empty(0),
        )

    def step(self, objective: Objective, state: SimplexState) -> None:
        points = state.asked[len(state.answers) :]
        points = points[: objective.room()]
        losses = objective.losses(Population(points))
        lowest = int(losses.argmin())
        if losses[lowest] < state.best:
            state.best, state.theta = float(losses[lowest]), points[lowest].clone()
        state.answers = torch.cat([state.answers, losses])
        if len(state.answers) == len(state.asked):
            self._decide(state)

    def _decide(self, state: SimplexState) -> None:
        """Go by the answers: replace the worst corner or all but the best, or ask for a second point."""
        match state.move:
            case "simplex":
                state.losses = state.answers
                _ask(state, "reflection", _through_middle(state, 1.0))
            case "reflection":
                self._judge_reflection(state, float(state.answers[0]))
            case "shrink":
                self._take_shrunk(state)
            case _:
                self._judge_second(state, float(state.answers[0]))

    def _judge_reflection(self, state: SimplexState, loss: float) -> None:
        state.reflected = loss
        worst, second = state.losses.topk(2).values.tolist()
        _, expansion, contraction, _ = self.coefficients(len(state.theta))
        if loss < float(state.losses.min()):
            _ask(state, "expansion", _through_middle(state, expansion))
        elif loss < second:
            self._replace_worst(state, state.asked[0], loss)
        elif loss < worst:
            _ask(state, "outside", _through_middle(state, contraction))
        else:
            _ask(state, "inside", _through_middle(state, -contraction))

    def _judge_second(self, state: SimplexState, loss: float) -> None:
        if state.move == "expansion" and loss >= state.reflected:
            self._replace_worst(state, _through_middle(state, 1.0)[0], state.reflected)
            return
        helps = {
            "expansion": True,
            "outside": loss <= state.reflected,
            "inside": loss < float(state.losses.max()),
        }
        if helps[state.move]:
            self._replace_worst(state, state.asked[0], loss)
        else:
            self._ask_shrunk(state)

    def _replace_worst(self, state: SimplexState, corner: Tensor, loss: float) -> None:
        worst = int(state.losses.argmax())
        state.total += corner - state.corners[worst]
        state.corners[worst], state.losses[worst] = corner, loss
        state.replaced += 1
        self._next_iteration(state)

    def _ask_shrunk(self, state: SimplexState) -> None:
        best = int(state.losses.argmin())
        others = torch.cat([state.corners[:best], state.corners[best + 1 :]])
        *_, shrinkage = self.coefficients(len(others))
        _ask(state, "shrink", torch.lerp(state.corners[best], others, shrinkage))

    def _take_shrunk(self, state: SimplexState) -> None:
        """The best corner stays, with its loss."""
        best = int(state.losses.argmin())
        state.corners = torch.cat([state.corners[best : best + 1], state.asked])
        state.losses = torch.cat([state.losses[best : best + 1], state.answers])
        state.replaced = 0
        self._next_iteration(state)

    def _next_iteration(self, state: SimplexState) -> None:
        if state.replaced % len(state.theta) == 0:  # seldom: both look at all D (D + 1) numbers
            state.total = state.corners.sum(0)
            self._finish_if_small(state)
        state.iteration += 1
        _ask(state, "reflection", _through_middle(state, 1.0))

    def _finish_if_small(self, state: SimplexState) -> None:
        best = state.corners[int(state.losses.argmin())]
        if float((state.corners - best).abs().max()) <= self.tolerance:
            state.finished = f"the simplex is smaller than {self.tolerance:g}"

    def coefficients(self, D: int) -> tuple[float, float, float, float]:
        """Reflection, expansion, contraction and shrinkage. Gao and Han's for D = 1 would shrink to a point."""
        if not self.adaptive:
            return 1.0, 2.0, 0.5, 0.5
        D = max(D, 2)
        return 1.0, 1 + 2 / D, 0.75 - 1 / (2 * D), 1 - 1 / D


def _ask(state: SimplexState, move: str, points: Tensor) -> None:
    state.move, state.asked, state.answers = move, points, points.new_empty(0)


def _through_middle(state: SimplexState, times: float) -> Tensor:
    """The point that many times as far beyond the middle of all other corners as the worst lies before it, [1, D]."""
    worst = state.corners[int(state.losses.argmax())]
    middle = (state.total - worst) / len(worst)
    return torch.lerp(middle, worst, -times)[None]
