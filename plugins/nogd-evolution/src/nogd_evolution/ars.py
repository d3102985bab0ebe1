"""Augmented random search: steps along the best of some random directions, in units of the losses' deviation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Generator, Tensor

from nogd import AskTell, Objective, State
from nogd_evolution.ars_steps import RATE, Directions, stepped
from nogd_evolution.estimates import Mirrored, draw, one_deviation, pairs_within


@dataclass(kw_only=True)
class ArsState(State):
    """sigma: deviation of the noise. lr: the step size where none is given."""

    rng: Generator
    sigma: float
    lr: float


class Ars(Directions, AskTell[ArsState]):
    """Move along random directions by what both their ends lost, in units of the losses' deviation (ARS V1, V1-t).

    A direction's rank is the better of its two losses; the best `top` directions are kept (all: V1; fewer: V1-t), and
    theta moves by lr / (top s) times the sum of (loss behind - loss ahead) times the direction, where s is the standard
    deviation of the kept 2 top losses. Losses that are not finite count as the worst finite one. V2, which normalises
    what a policy observes, is `ars-v2`. theta, which is recommended, is the middle and never scored itself. A step,
    which is an iteration, costs `population` forwards, and fewer where the budget ends. Source: Mania, Guy and Recht
    2018, arXiv:1803.07055.
    """

    name: ClassVar[str] = "ars"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution", "zeroth-order"})
    batches: ClassVar[bool] = True

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> ArsState:
        sigma = one_deviation(objective, self.sigma)
        return ArsState(theta=theta, rng=rng, sigma=sigma, lr=RATE * sigma)

    def ask(self, state: ArsState) -> Mirrored:
        noise = draw(state.theta, pairs_within(self.population, state.room), state.rng)
        return Mirrored(state.theta, noise, state.sigma)

    def tell(self, state: ArsState, candidates: Any, losses: Tensor) -> None:
        lr = state.lr if self.lr is None else self.lr
        state.theta = stepped(state.theta, candidates.noise, losses, self.top, lr)
        state.iteration += 1
