"""CMA-ES: an evolution strategy that adapts a full covariance matrix, with negative weights for bad candidates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from nogd import Objective
from nogd_evolution.distribution import Distribution
from nogd_evolution.helpers import full_matrix_refusal, recombination
from nogd_evolution.paths import PathState, evened, follow_both

# The covariance's largest eigenvalue in units of the smallest, beyond which double precision knows no directions.
WORST_CONDITION = 1e14


@dataclass(kw_only=True)
class CmaState(PathState):
    """All but theta is in units of the first deviations, and in double precision.

    covariance [D, D]; axes [D, D], lengths [D]: its eigenvectors and the roots of its eigenvalues, `stale` iterations
    ago.
    """

    covariance: Tensor
    axes: Tensor
    lengths: Tensor
    stale: int = 0


class CmaEs(Distribution[CmaState]):
    """Adapt mean, step size and a full covariance matrix to where the better candidates were (active CMA-ES).

    The step size follows the length of the mean's path, the covariance the path itself and all candidates, those of the
    worse half with negative weights. It goes the same way however the coordinates are turned, and needs no setting but
    `sigma`. Where it ends in a local minimum, `restarts(cma-es)` goes on with a larger population (IPOP),
    `restarts(cma-es,sigma=0.2),scheme=bipop` also with small ones. A step, which is an iteration, costs `population`
    forwards, and some `population` D^2 products; the eigenvectors, a cube of D, are renewed every 1 / (2 D (c1 + cmu))
    steps, as in Hansen's purecma, where the tutorial has five times as often. Above 1,000 parameters take `sep-cma-es`
    or `lm-ma-es`. Source: Hansen 2016, arXiv:1604.00772, whose defaults it has; negative weights: Jastrebski and Arnold
    2006, doi 10.1109/CEC.2006.1688662.
    """

    name: ClassVar[str] = "cma-es"

    def supports(self, objective: Objective) -> str | None:
        return full_matrix_refusal(objective.D, "sep-cma-es")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> CmaState:
        nothing = torch.zeros(len(theta), dtype=torch.float64, device=theta.device)
        return CmaState(
            **self.common(objective, theta, rng),
            covariance=torch.diag(nothing + 1),
            axes=torch.diag(nothing + 1),
            lengths=nothing + 1,
            step_path=nothing,
            shape_path=nothing,
        )

    def draw(self, state: CmaState, count: int) -> Tensor:
        return state.lengths.new_empty(count, len(state.lengths)).normal_(generator=state.rng)

    def offsets(self, state: CmaState, noise: Tensor) -> Tensor:
        return state.step * _stretched(state, noise)

    def learn(self, state: CmaState, noise: Tensor, losses: Tensor) -> None:
        D, rates = len(state.theta), recombination(len(state.theta), len(noise))
        moves, weights = _stretched(state, noise), noise.new_tensor(rates.weights)
        better = weights.clamp(min=0)
        self.move(state, state.step * (better @ moves))
        lost = follow_both(state, rates, state.axes @ (better @ noise), better @ moves)
        state.covariance.mul_(1 + rates.one * (lost - 1) - rates.many * sum(rates.weights))
        state.covariance.addr_(state.shape_path, state.shape_path, alpha=rates.one)
        state.covariance.addmm_(rates.many * evened(weights, noise.square_()) * moves.T, moves)
        state.stale += 1
        if state.stale >= math.floor(0.5 / (D * (rates.one + rates.many))):
            _decompose(state)

    def largest(self, state: CmaState) -> float:
        return state.step * float(state.lengths.max())


def _stretched(state: CmaState, noise: Tensor) -> Tensor:
    return (noise * state.lengths) @ state.axes.T


def _decompose(state: CmaState) -> None:
    """Renew axes and lengths.

    The covariance is positive definite: an update takes at most D (one + many) of what it was when these were last
    renewed, and they are renewed before half of it is gone.
    """
    state.covariance = (state.covariance + state.covariance.T) / 2
    values, state.axes = torch.linalg.eigh(state.covariance)
    low, high = float(values[0]), float(values[-1])
    if not low * WORST_CONDITION > high:
        state.finished = f"the covariance has a condition above {WORST_CONDITION:g}"
    state.lengths = values.clamp(min=high / WORST_CONDITION).sqrt()
    state.stale = 0
