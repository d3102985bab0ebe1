"""Simultaneous perturbation stochastic approximation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

from pydantic import Field
from torch import Generator, Tensor

from nogd import Objective, Subspace, batch_size
from nogd_zeroth_order import settings
from nogd_zeroth_order.draws import draw_signs
from nogd_zeroth_order.stepping import Look, SteppingState
from nogd_zeroth_order.two_sided import TwoSided, mean_of, mirrored

# Steps that are assumed where no budget says how many there will be.
ASSUMED_STEPS = 1_000


@dataclass(kw_only=True)
class SpsaState(SteppingState):
    """rate: of the first step, Spall's a / (A + 1)^alpha. stability: his A."""

    stability: float


@final
class Spsa(TwoSided[SpsaState]):
    """Estimate the gradient from two losses: all parameters change at once, each by plus or minus the same amount.

    Step k moves by a / (A + k + 1)^alpha along the estimate and looks `sigma` / (k + 1)^gamma to both sides. A is 10 %
    of the steps that the budget allows, and a is chosen so that the first step has the wanted length: with one that is
    too large SPSA explodes; `lr` is the rate of the first step, a / (A + 1)^alpha. Only -1 and 1 are drawn, as the
    inverse of a perturbation must have a finite mean. A step, which is an iteration, costs `population` forwards, the
    first one 16. Sources: Spall 1992, doi 10.1109/9.119632; his guidelines, 1998, doi 10.1109/7.705889.
    """

    name: ClassVar[str] = "spsa"
    sigma: float = settings.sigma(0.1)
    alpha: float = Field(0.602, ge=0, le=1, description="power at which the rate falls")
    gamma: float = Field(0.101, ge=0, le=1, description="power at which the perturbation falls")
    stability: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="added to the number of the step in the rate; 10 % of all steps if not given",
    )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SpsaState:
        stability = self._steps(objective) / 10 if self.stability is None else self.stability
        return SpsaState(theta=theta, rng=rng, stability=stability)

    def probes(self, objective: Objective, state: SpsaState, pairs: int) -> Subspace:
        signs = draw_signs(state.rng, pairs, state.theta)
        return Subspace(state.theta, mirrored(signs), self.distance(state))

    def distance(self, state: SpsaState) -> float:
        return float(self.sigma / (state.iteration + 1) ** self.gamma)

    def move(self, state: SpsaState, found: Look) -> None:
        rate = state.rate * (1 + state.iteration / (state.stability + 1)) ** -self.alpha
        found.probes.combine(mean_of(found, -rate), out=state.theta)

    def _steps(self, objective: Objective) -> float:
        size, left = batch_size(objective, self.rows), objective.left
        share = 1.0 if size is None else size / objective.N
        steps: float = min(
            left.forwards / (share * self.population), left.evaluations / self.population, left.iterations
        )
        return steps if math.isfinite(steps) else ASSUMED_STEPS
