"""SNES: a natural evolution strategy whose distribution has a deviation for each parameter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from nogd import Objective
from nogd_evolution.distribution import Distribution, DistributionState
from nogd_evolution.helpers import utilities


@dataclass(kw_only=True)
class SnesState(DistributionState):
    """deviations [D]: of each parameter, in units of the first ones."""

    deviations: Tensor


class Snes(Distribution[SnesState]):
    """Follow the natural gradient of the expected rank, with a mean and a deviation for each parameter.

    The mean moves by the noise of all candidates weighted by rank, the logarithm of each deviation by the weighted
    squares of its noise, so that memory and arithmetic grow with D alone. As parameters do not share anything, a
    narrow valley that is aligned with no axis defeats it: take `xnes` or `cma-es` there. A step, which is an
    iteration, costs `population` forwards. Sources: Schaul, Glasmachers and Schmidhuber 2011, doi
    10.1145/2001576.2001692; Wierstra et al. 2014, arXiv:1106.4487, whose defaults it has.
    """

    name: ClassVar[str] = "snes"

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SnesState:
        return SnesState(**self.common(objective, theta, rng), deviations=torch.ones_like(theta))

    def draw(self, state: SnesState, count: int) -> Tensor:
        return state.theta.new_empty(count, len(state.theta)).normal_(generator=state.rng)

    def offsets(self, state: SnesState, noise: Tensor) -> Tensor:
        return state.deviations * noise

    def learn(self, state: SnesState, noise: Tensor, losses: Tensor) -> None:
        D = len(state.theta)
        weights = noise.new_tensor(utilities(len(noise)))
        rate = (3 + math.log(D)) / (5 * math.sqrt(D))
        self.move(state, state.deviations * (weights @ noise))
        # The paper takes the squares less 1, which is the same: the weights add up to 0.
        state.deviations = state.deviations * (rate / 2 * (weights @ noise.square_())).exp()

    def largest(self, state: SnesState) -> float:
        return float(state.deviations.max())
