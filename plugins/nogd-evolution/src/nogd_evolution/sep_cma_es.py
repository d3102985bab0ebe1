"""sep-CMA-ES: CMA-ES with a diagonal covariance, for many parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from nogd import Objective
from nogd_evolution.distribution import Distribution
from nogd_evolution.helpers import recombination
from nogd_evolution.paths import PathState, evened, follow_both


@dataclass(kw_only=True)
class SepState(PathState):
    """variances [D]: the diagonal of the covariance, in units of the first deviations."""

    variances: Tensor


class SepCmaEs(Distribution[SepState]):
    """Adapt mean, step size and the variance of each parameter as CMA-ES does, but no dependence between them.

    Memory and arithmetic grow with D alone, and the variances are learnt (D + 2) / 3 times as fast as a full
    covariance. A narrow valley that is aligned with no axis defeats it: take `cma-es` or `lm-ma-es` there. A step,
    which is an iteration, costs `population` forwards. Sources: Ros and Hansen 2008, doi
    10.1007/978-3-540-87700-4_30; its rates times (D + 2) / 3, and all else, are those of `cma-es`.
    """

    name: ClassVar[str] = "sep-cma-es"

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SepState:
        return SepState(
            **self.common(objective, theta, rng),
            step_path=torch.zeros_like(theta),
            shape_path=torch.zeros_like(theta),
            variances=torch.ones_like(theta),
        )

    def draw(self, state: SepState, count: int) -> Tensor:
        return state.theta.new_empty(count, len(state.theta)).normal_(generator=state.rng)

    def offsets(self, state: SepState, noise: Tensor) -> Tensor:
        return state.step * state.variances.sqrt() * noise

    def learn(self, state: SepState, noise: Tensor, losses: Tensor) -> None:
        rates = recombination(len(state.theta), len(noise), separable=True)
        weights = noise.new_tensor(rates.weights)
        mean_noise = weights.clamp(min=0) @ noise
        move = state.variances.sqrt() * mean_noise
        self.move(state, state.step * move)
        lost = follow_both(state, rates, mean_noise, move)
        squares = noise.square_()
        squares = state.variances * (evened(weights, squares) @ squares)
        kept = 1 + rates.one * (lost - 1) - rates.many * sum(rates.weights)
        state.variances = (
            kept * state.variances + rates.one * state.shape_path.square() + rates.many * squares
        )

    def largest(self, state: SepState) -> float:
        return state.step * float(state.variances.max().sqrt())
