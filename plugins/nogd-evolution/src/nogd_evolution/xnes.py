"""xNES: a natural evolution strategy whose distribution has a full covariance matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from nogd import Objective
from nogd_evolution.distribution import Distribution, DistributionState
from nogd_evolution.helpers import full_matrix_refusal, utilities


@dataclass(kw_only=True)
class XnesState(DistributionState):
    """factor [D, D]: A of the covariance A A^T, in units of the first deviations; in double precision."""

    factor: Tensor


class Xnes(Distribution[XnesState]):
    """Follow the natural gradient of the expected rank in exponential coordinates, with a full covariance matrix.

    Candidates are mean + A z; A is multiplied by the matrix exponential of the weighted sum of (z z^T - I) / 2. That
    sum has no more than `population` directions other than 0, so the exponential is taken within these: a step costs
    `population` forwards and some `population` D^2 products, no cube of D. It goes the same way however the
    coordinates are turned. A step is an iteration. Sources: Glasmachers et al. 2010, doi 10.1145/1830483.1830557;
    Wierstra et al. 2014, arXiv:1106.4487, whose defaults it has.
    """

    name: ClassVar[str] = "xnes"

    def supports(self, objective: Objective) -> str | None:
        return full_matrix_refusal(objective.D, "snes")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> XnesState:
        factor = torch.eye(len(theta), dtype=torch.float64, device=theta.device)
        return XnesState(**self.common(objective, theta, rng), factor=factor)

    def draw(self, state: XnesState, count: int) -> Tensor:
        return state.factor.new_empty(count, len(state.factor)).normal_(generator=state.rng)

    def offsets(self, state: XnesState, noise: Tensor) -> Tensor:
        return noise @ state.factor.T

    def learn(self, state: XnesState, noise: Tensor, losses: Tensor) -> None:
        D = len(state.theta)
        weights = noise.new_tensor(utilities(len(noise)))
        rate = (9 + 3 * math.log(D)) / (5 * D * math.sqrt(D))
        self.move(state, state.factor @ (weights @ noise))
        # The sum of the weights is 0, and so is that of the identities. Within the span of the noise, whose basis is
        # an orthonormal one, the rest is a small matrix; outside of it the exponential changes nothing.
        basis, inside = torch.linalg.qr(noise.T)
        small = rate / 2 * (inside * weights) @ inside.T
        change = torch.linalg.matrix_exp(small) - torch.eye(
            len(small), dtype=small.dtype, device=small.device
        )
        state.factor = state.factor + (state.factor @ basis) @ change @ basis.T

    def largest(self, state: XnesState) -> float:
        """The root mean square along all axes: to know the largest would take a decomposition."""
        return float(state.factor.norm()) / math.sqrt(len(state.factor))
