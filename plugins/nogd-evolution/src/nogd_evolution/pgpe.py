"""PGPE: the gradient of the mean and deviations of what candidates are drawn from, taken by ClipUp."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import AskTell, Objective, State, rank_weights
from nogd_evolution import settings
from nogd_evolution.estimates import Mirrored, differences, draw, out_of_range, pairs_within
from nogd_evolution.helpers import first_deviations

SHARE = 0.05
RADIUS = 15.0  # length of a first deviation, in highest speeds


@dataclass(kw_only=True)
class PgpeState(State):
    """sigma, first: deviations `[D]`, now and at the start. velocity: ClipUp's `[D]`. speed: its highest length."""

    rng: Generator
    sigma: Tensor
    first: Tensor
    velocity: Tensor
    speed: float


class Pgpe(AskTell[PgpeState]):
    """Follow the gradient of the mean and of the deviation of each parameter, from mirrored candidates (PGPE).

    Losses are replaced by centred ranks over all of a step. The mean moves by ClipUp: the gradient is brought to a
    length of `lr`, then added to the velocity, which is cut to `max_speed`. So it goes as fast as it may where the
    direction stays, and hovers about an optimum at about that distance: no high precision. Each deviation follows its
    own gradient, by at most `max_change` of itself a step. The mean is recommended, and never scored itself. A
    step, which is an iteration, costs `population` forwards, and fewer where the budget ends. Sources: Sehnke et al.
    2010, doi 10.1016/j.neunet.2009.12.004; ClipUp and the defaults: Toklu et al. 2020, arXiv:2008.02387.
    """

    name: ClassVar[str] = "pgpe"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution"})
    batches: ClassVar[bool] = True
    sigma: float | None = settings.sigma(
        "first standard deviation, in theta's units; 5 % of the width of a parameter's box if not given"
    )
    population: int = settings.pairs(16)
    max_speed: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="longest move of the mean; a fifteenth of the length of the first deviations if not given",
    )
    lr: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="length of the gradient; half of max_speed if not given"
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="share of the last move that is kept")
    sigma_lr: float = Field(0.1, ge=0, allow_inf_nan=False, description="learning rate of the deviations")
    max_change: float = Field(
        0.2, ge=0, lt=1, description="largest change of a deviation in a step, as a share"
    )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> PgpeState:
        sigma = first_deviations(objective, self.sigma, SHARE)
        speed = self.max_speed or float(sigma.norm()) / RADIUS
        return PgpeState(
            theta=theta, rng=rng, sigma=sigma, first=sigma, velocity=torch.zeros_like(theta), speed=speed
        )

    def ask(self, state: PgpeState) -> Mirrored:
        noise = draw(state.theta, pairs_within(self.population, state.room), state.rng)
        return Mirrored(state.theta, noise, state.sigma)

    def tell(self, state: PgpeState, candidates: Any, losses: Tensor) -> None:
        gains = rank_weights(losses).to(state.theta)
        noise, pairs = candidates.noise, len(candidates.noise)
        ascent = (noise.T @ differences(gains)).mul_(state.sigma / (2 * pairs))
        means = (gains[:pairs] + gains[pairs:]) / 2  # of all of them the mean is 0, the baseline
        growth = (noise.square().sub_(1).T @ means).mul_(state.sigma / pairs)
        lr = state.speed / 2 if self.lr is None else self.lr
        state.velocity = clip_up(state.velocity, ascent, lr, self.momentum, state.speed)
        state.theta = state.theta + state.velocity
        bound = self.max_change * state.sigma
        state.sigma = state.sigma + (self.sigma_lr * growth).clamp(-bound, bound)
        state.iteration += 1
        state.finished = out_of_range(state.sigma, state.first)


def clip_up(velocity: Tensor, ascent: Tensor, lr: float, momentum: float, speed: float) -> Tensor:
    """The next velocity: the gradient is normalised before it is added, the velocity is cut after.

    A gradient of length 0 adds nothing.
    """
    length = float(ascent.norm())
    added = ascent * (lr / length) if 0 < length < math.inf else torch.zeros_like(ascent)
    velocity = momentum * velocity + added
    length = float(velocity.norm())
    return velocity * (speed / length) if length > speed else velocity
