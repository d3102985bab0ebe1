"""Zeroth-order descent along matrices of low rank."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, final

from pydantic import Field
from torch import Generator, Tensor

from nogd import LowRank, Objective
from nogd_zeroth_order import settings
from nogd_zeroth_order.stepping import Look, SteppingState
from nogd_zeroth_order.two_sided import TwoSided, mean_of, mirrored


@dataclass(kw_only=True)
class LozoState(SteppingState):
    """right: V of each tensor, `[1, in, rank]`, None for a vector; drawn: in which step.

    last_left, last_right, last_weights: what the latest step was made of, so that it can be taken back.
    """

    right: list[Tensor | None] = field(default_factory=list)
    drawn: int = 0
    last_left: list[Tensor] = field(default_factory=list)
    last_right: list[Tensor | None] = field(default_factory=list)
    last_weights: Tensor | None = None


@final
class Lozo(TwoSided[LozoState]):
    """Descend along U V', a random matrix of low rank for each weight matrix; V stays the same for some steps (LOZO).

    U is drawn in every step, V every `interval` steps, so that the steps in between go through one subspace. Weight
    matrices move by slope times U V' / rank, vectors such as biases along normal directions; `sigma` is the standard
    deviation of a parameter's perturbation, the paper's epsilon times sqrt(rank). A candidate is scored by thin
    products beside those of theta. A step, which is an iteration, costs `population` forwards, the first one 16.
    Source: Chen et al. 2024, arXiv:2410.07698.
    """

    name: ClassVar[str] = "lozo"
    population: int = settings.pairs(2)
    rank: int = Field(4, ge=1, description="rank of a matrix's perturbation")
    interval: int = Field(100, ge=1, description="steps after which V is drawn anew")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> LozoState:
        return LozoState(theta=theta, rng=rng)

    def probes(self, objective: Objective, state: LozoState, pairs: int) -> LowRank:
        fresh = LowRank.draw(objective.space, state.theta, pairs, self.sigma, state.rng, self.rank)
        if not state.right or state.iteration - state.drawn >= self.interval:
            state.right = [None if v is None else v[:1].clone() for v in fresh.right]
            state.drawn = state.iteration
        left = tuple(map(mirrored, fresh.left))
        right = tuple(None if v is None else v.expand(2 * pairs, -1, -1) for v in state.right)
        return LowRank(state.theta, left, right, fresh.scale)

    def move(self, state: LozoState, found: Look) -> None:
        probes, weights = found.probes, mean_of(found, -state.rate / math.sqrt(self.rank))
        assert isinstance(probes, LowRank)
        probes.combine(weights, out=state.theta)
        state.last_left, state.last_right = [*probes.left], [*state.right]
        state.last_weights = weights

    def remember(self, state: LozoState) -> None:
        """The factors of the step are enough."""

    def retreat(self, state: LozoState) -> bool:
        if state.last_weights is None:
            return False
        count = len(state.last_weights)
        right = tuple(None if v is None else v.expand(count, -1, -1) for v in state.last_right)
        LowRank(state.theta, tuple(state.last_left), right, 1.0).combine(-state.last_weights, out=state.theta)
        state.last_weights = None
        return True
