"""Evolution strategy whose directions lie, in part, where earlier estimates pointed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Objective, Subspace
from nogd_zeroth_order import settings
from nogd_zeroth_order.draws import draw_normal
from nogd_zeroth_order.stepping import Look, SteppingState
from nogd_zeroth_order.two_sided import TwoSided, gradient_of, mirrored

# The paper's factor of its estimate.
BETA = 2.0


@dataclass(kw_only=True)
class GuidedState(SteppingState):
    """guides: the latest estimates, `[at most k, D]`."""

    guides: Tensor


@final
class GuidedEs(TwoSided[GuidedState]):
    """Estimate the gradient along directions that are normal in all of space and in a subspace of likely ones.

    Their covariance is alpha / D I + (1 - alpha) / k U U', where U spans k surrogate gradients. Here these are the
    latest estimates, so that no gradient is needed. The estimate is (beta / D) times the mean of direction times slope,
    with directions scaled so that `sigma` is a parameter's standard deviation: the paper's sigma is that times sqrt(D),
    and beta is 2. A step, which is an iteration, costs `population` forwards, the first one 16. Source: Maheswaranathan
    et al. 2018, arXiv:1806.10230; guides from earlier estimates: Liu et al., IJCAI 2020 (SGES).
    """

    name: ClassVar[str] = "guided-es"
    population: int = settings.pairs(8)
    alpha: float = Field(
        0.5, gt=0, le=1, description="share of the variance that is spread over all of space"
    )
    guides: int = Field(4, ge=1, description="earlier estimates that span the subspace, k")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> GuidedState:
        return GuidedState(theta=theta, rng=rng, guides=theta.new_empty(0, len(theta)))

    def probes(self, objective: Objective, state: GuidedState, pairs: int) -> Subspace:
        directions = draw_normal(state.rng, pairs, state.theta)
        basis = spanned(state.guides)
        if basis is not None:
            along = draw_normal(state.rng, pairs, basis[0])
            directions.mul_(math.sqrt(self.alpha))
            factor = math.sqrt((1 - self.alpha) * objective.D / basis.shape[1])
            directions.addmm_(along, basis.T, alpha=factor)
        return Subspace(state.theta, mirrored(directions), self.sigma)

    def gain(self, length: float, found: Look) -> float:
        return super().gain(length, found) * found.probes.dimension / BETA

    def move(self, state: GuidedState, found: Look) -> None:
        gradient = gradient_of(found).mul_(BETA / found.probes.dimension)
        state.theta.add_(gradient, alpha=-state.rate)
        if gradient.any():
            state.guides = torch.cat([gradient[None], state.guides])[: min(self.guides, len(gradient))]


def spanned(guides: Tensor) -> Tensor | None:
    """An orthonormal basis `[D, k]` of what the guides `[k, D]` span; None where there are none."""
    if not len(guides):
        return None
    basis: Tensor = torch.linalg.qr((guides / guides.abs().amax(1, keepdim=True)).T)[0]
    return basis
