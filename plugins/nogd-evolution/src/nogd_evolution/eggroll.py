"""EGGROLL: an evolution strategy whose noise is of low rank in each weight matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import AskTell, LowRank, Objective, State
from nogd_evolution import settings
from nogd_evolution.estimates import finite, one_deviation, pairs_within


@dataclass(kw_only=True)
class EggRollState(State):
    """sigma: deviation of the noise. shapes: rows and columns of each tensor, no columns for a vector."""

    rng: Generator
    sigma: float
    shapes: list[tuple[int, ...]]


class EggRoll(AskTell[EggRollState]):
    """Move along mirrored noise of low rank, weighted by how good its candidates are (EGGROLL).

    A matrix moves by sigma / sqrt(rank) times A B^T with thin normal A and B, a bias by sigma times normal noise of its
    own. The losses of a step, brought to mean 0 and deviation 1, weigh these moves: theta goes by lr / population times
    their sum, sigma / sqrt(rank) included, so that a step scales with sigma. A B^T is never formed: candidates are
    scored by thin products, and the sum is one product of the factors of all. At rank 1 a move has heavier tails than
    normal noise. theta, which is recommended, is the middle and never scored itself. A step, which is an iteration,
    costs `population` forwards, and fewer where the budget ends. Source: Sarkar et al. 2025, arXiv:2511.16652. Their
    code also multiplies by sqrt(population) and has rates of its own: rates do not carry over.
    """

    name: ClassVar[str] = "eggroll"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution"})
    batches: ClassVar[bool] = True
    sigma: float | None = settings.sigma(
        "standard deviation of the noise, in theta's units; 1 % of the box's width if not given"
    )
    population: int = settings.pairs(16)
    rank: int = Field(1, ge=1, description="of a matrix's noise")
    lr: float = Field(2.0, gt=0, allow_inf_nan=False, description="learning rate, in units of the moves")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> EggRollState:
        shapes: list[tuple[int, ...]] = [
            (t.shape[0], math.prod(t.shape[1:])) if len(t.shape) > 1 else (t.stop - t.start,)
            for t in objective.space
        ]
        sigma = one_deviation(objective, self.sigma)
        return EggRollState(theta=theta, rng=rng, sigma=sigma, shapes=shapes)

    def ask(self, state: EggRollState) -> LowRank:
        pairs = pairs_within(self.population, state.room)

        def normal(*shape: int) -> Tensor:
            return state.theta.new_empty(pairs, *shape).normal_(generator=state.rng)

        left: list[Tensor] = []
        right: list[Tensor | None] = []
        for rows, *columns in state.shapes:
            if columns:
                half, other = normal(rows, self.rank), normal(*columns, self.rank)
                right.append(torch.cat([other, other]))
            else:  # of the same deviation as a matrix, whose scale is smaller by this
                half = normal(rows) * math.sqrt(self.rank)
                right.append(None)
            left.append(torch.cat([half, -half]))
        return LowRank(state.theta, tuple(left), tuple(right), state.sigma / math.sqrt(self.rank))

    def tell(self, state: EggRollState, candidates: Any, losses: Tensor) -> None:
        losses = finite(losses)
        deviation = float(losses.std(correction=0))
        if deviation > 0:
            scores = (losses.mean() - losses) / deviation
            # In place, so that no second vector of theta's length is needed.
            candidates.combine(scores * (self.lr * candidates.scale / len(losses)), out=state.theta)
        state.iteration += 1
