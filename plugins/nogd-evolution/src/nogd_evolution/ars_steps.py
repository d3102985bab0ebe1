"""What both versions of augmented random search share: their hyper-parameters, and a step along directions."""

from __future__ import annotations

from typing import Self

import torch
from pydantic import BaseModel, Field, model_validator
from torch import Tensor

from nogd_evolution import settings
from nogd_evolution.estimates import differences, finite

# The step size, in standard deviations of the noise: 0.02 to 0.03, as for the paper's swimmer.
RATE = 2 / 3


class Directions(BaseModel):
    """Hyper-parameters of a search along mirrored directions."""

    sigma: float | None = settings.sigma(
        "standard deviation of the noise, in theta's units; 1 % of the box's width if not given"
    )
    population: int = Field(16, ge=2, multiple_of=2, description="candidates of a step, two for a direction")
    top: int | None = Field(
        None, ge=1, description="directions kept, half the population at most; all if not given"
    )
    lr: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="step size; two thirds of sigma if not given"
    )

    @model_validator(mode="after")
    def _top_fits(self) -> Self:
        if self.top is not None and self.top > self.population // 2:
            raise ValueError(f"top is at most half the population, {self.population // 2} directions")
        return self


def stepped(theta: Tensor, noise: Tensor, losses: Tensor, top: int | None, lr: float) -> Tensor:
    """theta `[D]` after a step along the best directions of `noise` `[K, D]`, by the losses of both ends `[2 K]`."""
    losses = finite(losses)
    better = torch.minimum(*losses.chunk(2))
    top = min(top or len(better), len(better))
    kept = better.argsort(stable=True)[:top]
    both = torch.cat([kept, kept + len(better)])
    deviation = float(losses[both].std(correction=0))
    if deviation <= 0:
        return theta
    weights = differences(losses[both]).mul_(-lr / (top * deviation))
    return torch.addmv(theta, noise.index_select(0, kept).T, weights.to(theta))
