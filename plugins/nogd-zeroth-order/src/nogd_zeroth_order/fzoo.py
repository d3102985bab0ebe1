"""Zeroth-order descent at a rate that follows the spread of the losses."""

from __future__ import annotations

import math
from typing import ClassVar, final

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Objective, Subspace
from nogd_zeroth_order import settings
from nogd_zeroth_order.draws import draw_signs
from nogd_zeroth_order.losses import any_finite, finite
from nogd_zeroth_order.stepping import Look, Stepping, SteppingState

# A standard deviation takes two losses.
FEWEST = 2


@final
class Fzoo(Stepping[SteppingState]):
    """Estimate the gradient from one side only, and divide it by the standard deviation of the losses (FZOO).

    Candidates are theta itself and theta plus `sigma` times vectors of -1 and 1. Where the losses differ little the
    steps are as long as where they differ much; where they are equal but for rounding there is no step. A step, which
    is an iteration, costs `population` + 1 forwards. Source: Dang et al. 2025, arXiv:2506.09034; there `population` is
    8.
    """

    name: ClassVar[str] = "fzoo"
    sigma: float = settings.sigma(0.01)
    population: int = Field(8, ge=FEWEST, description="perturbed candidates of a step, one beside them")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SteppingState:
        return SteppingState(theta=theta, rng=rng)

    def look(self, objective: Objective, state: SteppingState, rows: Tensor | None) -> Look | None:
        count = max(FEWEST, min(self.population, objective.room(rows) - 1))
        signs = draw_signs(state.rng, count, state.theta)
        probes = Subspace(state.theta, torch.cat([torch.zeros_like(signs[:1]), signs]), self.sigma)
        losses = objective.losses(probes, rows)
        if not any_finite(losses):
            return None
        return Look(probes, self._slopes(finite(losses)))

    def _slopes(self, losses: Tensor) -> Tensor:
        """(loss - loss of theta) / (sigma std), `[K]`; 0 where the losses are equal but for rounding."""
        spread = losses[1:].std()
        if float(spread) <= torch.finfo(losses.dtype).eps * float(losses.abs().max()):
            return torch.zeros_like(losses[1:])
        return (losses[1:] - losses[0]) / (self.sigma * spread)

    def move(self, state: SteppingState, found: Look) -> None:
        weights = found.slopes * (-state.rate / len(found.slopes))
        found.probes.combine(torch.cat([weights.new_zeros(1), weights]), out=state.theta)

    def gain(self, length: float, found: Look) -> float:
        """Of any step that is taken: slopes have a standard deviation of 1 / sigma."""
        if not found.slopes.any():
            return 0.0
        return length * self.sigma / math.sqrt(found.probes.dimension / len(found.slopes))
