"""Adam on estimates from losses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Objective, Perturbed
from nogd_zeroth_order import settings
from nogd_zeroth_order.draws import draw_seeds
from nogd_zeroth_order.stepping import Look, SteppingState
from nogd_zeroth_order.two_sided import TwoSided, gradient_of


@dataclass(kw_only=True)
class ZoAdamState(SteppingState):
    """mean, square: running moments of the estimates, `[D]`. largest: of the latter so far. updates: their number."""

    mean: Tensor
    square: Tensor
    largest: Tensor
    updates: int = 0


@final
class ZoAdam(TwoSided[ZoAdamState]):
    """Adam with an estimate from losses in place of the gradient (ZO-AdaMM: Chen et al. 2019, arXiv:1910.06513).

    The estimate is that of `zo-sgd`, the moments are those of Adam (Kingma and Ba, arXiv:1412.6980); with
    `amsgrad=true` the second moment never falls and neither is corrected, as in the paper. A step, which is an
    iteration, costs `population` forwards, the first one 16 or more.
    """

    name: ClassVar[str] = "zo-adam"
    population: int = settings.pairs(8)
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of the running mean of the estimate")
    beta2: float = Field(0.99, ge=0, lt=1, description="decay of the running mean of its square")
    eps: float = Field(1e-8, gt=0, allow_inf_nan=False, description="added to the denominator")
    amsgrad: bool = Field(
        False, description="whether to divide by the largest second moment so far, uncorrected, as ZO-AdaMM"
    )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> ZoAdamState:
        mean, square, largest = (torch.zeros_like(theta) for _ in range(3))
        return ZoAdamState(theta=theta, rng=rng, mean=mean, square=square, largest=largest)

    def probes(self, objective: Objective, state: ZoAdamState, pairs: int) -> Perturbed:
        return Perturbed(state.theta, draw_seeds(state.rng, pairs), self.sigma, antithetic=True)

    def gain(self, length: float, found: Look) -> float:
        return length / math.sqrt(found.probes.dimension)

    def move(self, state: ZoAdamState, found: Look) -> None:
        gradient = gradient_of(found)
        state.updates += 1
        state.mean.lerp_(gradient, 1 - self.beta1)
        state.square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        if self.amsgrad:
            torch.maximum(state.largest, state.square, out=state.largest)
            state.theta.addcdiv_(state.mean, state.largest.sqrt().add_(self.eps), value=-state.rate)
            return
        correction = math.sqrt(1 - self.beta2**state.updates)
        denominator = (state.square.sqrt() / correction).add_(self.eps)
        rate = state.rate / (1 - self.beta1**state.updates)
        state.theta.addcdiv_(state.mean, denominator, value=-rate)

    def retreat(self, state: ZoAdamState) -> bool:
        state.mean.zero_()
        return super().retreat(state)
