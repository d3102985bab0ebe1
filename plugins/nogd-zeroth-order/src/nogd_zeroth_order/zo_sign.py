"""Steps of one size in every parameter, along the signs of an estimate."""

from __future__ import annotations

import math
from typing import ClassVar, final

from torch import Generator, Tensor

from nogd import Objective, Perturbed
from nogd_zeroth_order import settings
from nogd_zeroth_order.draws import draw_seeds
from nogd_zeroth_order.stepping import Look, SteppingState
from nogd_zeroth_order.two_sided import TwoSided, gradient_of


@final
class ZoSign(TwoSided[SteppingState]):
    """Move every parameter by `lr` against the sign of its estimated derivative (ZO-signSGD).

    The estimate is that of `zo-sgd`. All steps are of one length, so that the loss's unit does not matter, and the
    search hovers about a minimum. A step, which is an iteration, costs `population` forwards, the first one 16 or more.
    Source: Liu et al., ICLR 2019, openreview BJe-DsC5Fm.
    """

    name: ClassVar[str] = "zo-sign"
    population: int = settings.pairs(8)

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SteppingState:
        return SteppingState(theta=theta, rng=rng)

    def probes(self, objective: Objective, state: SteppingState, pairs: int) -> Perturbed:
        return Perturbed(state.theta, draw_seeds(state.rng, pairs), self.sigma, antithetic=True)

    def gain(self, length: float, found: Look) -> float:
        return length / math.sqrt(found.probes.dimension)

    def move(self, state: SteppingState, found: Look) -> None:
        state.theta.add_(gradient_of(found).sign_(), alpha=-state.rate)
