"""Stochastic gradient descent on estimates from losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from pydantic import Field
from torch import Generator, Tensor

from nogd import Objective, Perturbed
from nogd_zeroth_order import settings
from nogd_zeroth_order.draws import draw_seeds
from nogd_zeroth_order.stepping import Look, SteppingState
from nogd_zeroth_order.two_sided import TwoSided, gradient_of


@dataclass(kw_only=True)
class ZoSgdState(SteppingState):
    """velocity: running sum of the estimates, `[D]`; None before the first."""

    velocity: Tensor | None = None


@final
class ZoSgd(TwoSided[ZoSgdState]):
    """Gradient descent, with heavy-ball momentum if wanted, along estimates from normally distributed directions.

    The estimate is the mean over `population` / 2 directions of the slope, from losses on both sides, times the
    direction: without bias for the loss smoothed by `sigma`. A step, which is an iteration, costs `population`
    forwards, the first one 16 or more. Sources: Ghadimi and Lan 2013, arXiv:1309.5549; two-sided: Nesterov and Spokoiny
    2017, doi 10.1007/s10208-015-9296-2.
    """

    name: ClassVar[str] = "zo-sgd"
    first_step: float = settings.first_step(0.01)
    population: int = settings.pairs(8)
    momentum: float = Field(0.9, ge=0, lt=1, description="share of the last move that is kept")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> ZoSgdState:
        return ZoSgdState(theta=theta, rng=rng)

    def probes(self, objective: Objective, state: ZoSgdState, pairs: int) -> Perturbed:
        return Perturbed(state.theta, draw_seeds(state.rng, pairs), self.sigma, antithetic=True)

    def move(self, state: ZoSgdState, found: Look) -> None:
        gradient = gradient_of(found)
        if self.momentum:
            if state.velocity is not None:
                gradient = state.velocity.mul_(self.momentum).add_(gradient)
            state.velocity = gradient
        state.theta.add_(gradient, alpha=-state.rate)

    def retreat(self, state: ZoSgdState) -> bool:
        state.velocity = None
        return super().retreat(state)
