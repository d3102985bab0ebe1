"""LM-MA-ES: an evolution strategy that keeps a few directions in place of a covariance matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from nogd import Objective, default_population
from nogd_evolution.distribution import Distribution, DistributionState
from nogd_evolution.helpers import positive_weights
from nogd_evolution.paths import follow


@dataclass(kw_only=True)
class LmState(DistributionState):
    """step: the step size. step_path [D]; directions [M, D]: paths of the mean, each slower than the one before.

    learnt: steps that the directions have followed.
    """

    step_path: Tensor
    directions: Tensor
    step: float = 1.0
    learnt: int = 0


class LmMaEs(Distribution[LmState]):
    """Learn M = 4 + floor(3 ln D) directions that the mean follows, and stretch candidates along them.

    A candidate's noise is bent by one direction after the other, the fastest first, each a path of the mean that
    forgets four times as slowly as the one before. It costs some M D products a candidate, where CMA-ES has D^2, so
    that it takes any number of parameters. It is made for thousands of them: where D is small beside the population,
    the paper's rates exceed 1, and are 1 here; there `cma-es` is better (in 40 dimensions it solved neither a cigar nor
    an ellipsoid within 120,000 evaluations). A step, which is an iteration, costs `population` forwards. Source:
    Loshchilov, Glasmachers and Beyer 2017, arXiv:1705.06693, whose defaults it has.
    """

    name: ClassVar[str] = "lm-ma-es"

    def supports(self, objective: Objective) -> str | None:
        if objective.D > 1:
            return None
        return "there are no directions to be told apart with a single parameter; snes takes one"

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> LmState:
        return LmState(
            **self.common(objective, theta, rng),
            step_path=torch.zeros_like(theta),
            directions=theta.new_zeros(default_population(len(theta)), len(theta)),
        )

    def draw(self, state: LmState, count: int) -> Tensor:
        return state.theta.new_empty(count, len(state.theta)).normal_(generator=state.rng)

    def offsets(self, state: LmState, noise: Tensor) -> Tensor:
        return _bent(state, noise).mul_(state.step)

    def learn(self, state: LmState, noise: Tensor, losses: Tensor) -> None:
        D, population = noise.shape[1], self.size(noise.shape[1])
        weights = noise.new_tensor(positive_weights(len(noise)))
        mass = 1 / float(weights.square().sum())
        mean_noise = weights @ noise
        self.move(state, state.step * _bent(state, mean_noise[None])[0])  # bending is linear
        rate = min(1.0, 2 * population / D)
        state.step_path = follow(state.step_path, mean_noise, rate, mass)
        slower = [min(1.0, population / (4**number * D)) for number in range(len(state.directions))]
        rates = noise.new_tensor(slower)[:, None]
        grown = (rates * (2 - rates) * mass).sqrt() * mean_noise
        state.directions.mul_(1 - rates).add_(grown)
        state.step *= math.exp(rate / 2 * (float(state.step_path.square().sum()) / D - 1))
        state.learnt += 1

    def largest(self, state: LmState) -> float:
        """Along most axes; a few are longer."""
        return state.step


def _bent(state: LmState, noise: Tensor) -> Tensor:
    D = noise.shape[1]
    bent = noise.clone()
    for number, direction in enumerate(state.directions[: state.learnt]):
        rate = 1 / (1.5**number * D)
        bent.addr_(bent @ direction, direction, beta=1 - rate, alpha=rate)
    return bent
