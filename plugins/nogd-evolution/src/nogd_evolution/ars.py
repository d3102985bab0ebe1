"""Augmented random search: steps along the best of some random directions, in units of the losses' deviation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field, model_validator
from torch import Generator, Tensor

from nogd import AskTell, Objective, State
from nogd_evolution import settings
from nogd_evolution.estimates import Mirrored, differences, draw, finite, one_deviation, pairs_within

# The step size, in standard deviations of the noise: 0.02 to 0.03, as for the paper's swimmer.
RATE = 2 / 3


@dataclass(kw_only=True)
class ArsState(State):
    """sigma: deviation of the noise. lr: the step size where none is given."""

    rng: Generator
    sigma: float
    lr: float


class Ars(AskTell[ArsState]):
    """Move along random directions by what both their ends lost, in units of the losses' deviation (ARS V1, V1-t).

    A direction's rank is the better of its two losses; the best `top` directions are kept (all: V1; fewer: V1-t), and
    theta moves by lr / (top s) times the sum of (loss behind - loss ahead) times the direction, where s is the standard
    deviation of the kept 2 top losses. Losses that are not finite count as the worst finite one. V2 differs by a
    running mean and deviation of a policy's observations; nogd's simulators give candidates to a rollout as whole
    networks and show a learner no observations, so there is no V2: normalise in the network. theta, which is
    recommended, is the middle and never scored itself. A step, which is an iteration, costs `population` forwards, and
    fewer where the budget ends. Source: Mania, Guy and Recht 2018, arXiv:1803.07055.
    """

    name: ClassVar[str] = "ars"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution", "zeroth-order"})
    batches: ClassVar[bool] = True
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
    def _top_fits(self) -> Ars:
        if self.top is not None and self.top > self.population // 2:
            raise ValueError(f"top is at most half the population, {self.population // 2} directions")
        return self

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> ArsState:
        sigma = one_deviation(objective, self.sigma)
        return ArsState(theta=theta, rng=rng, sigma=sigma, lr=RATE * sigma)

    def ask(self, state: ArsState) -> Mirrored:
        noise = draw(state.theta, pairs_within(self.population, state.room), state.rng)
        return Mirrored(state.theta, noise, state.sigma)

    def tell(self, state: ArsState, candidates: Any, losses: Tensor) -> None:
        losses = finite(losses)
        better = torch.minimum(*losses.chunk(2))
        top = min(self.top or len(better), len(better))
        kept = better.argsort(stable=True)[:top]
        both = torch.cat([kept, kept + len(better)])
        deviation = float(losses[both].std(correction=0))
        if deviation > 0:
            lr = state.lr if self.lr is None else self.lr
            weights = differences(losses[both]).mul_(-lr / (top * deviation))
            state.theta = torch.addmv(state.theta, candidates.noise[kept].T, weights.to(state.theta))
        state.iteration += 1
