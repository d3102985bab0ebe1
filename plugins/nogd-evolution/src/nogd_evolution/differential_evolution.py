"""Differential evolution, rand/1/bin: candidates from differences of members, a generation at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import AskTell, Objective, Population
from nogd_evolution.generations import (
    MembersState,
    crossed,
    first_members,
    note_best,
    note_scored,
    others,
    replace,
    stands_still,
    unscored,
)

# A member, and the three others that its mutant is made of.
LEAST_MEMBERS = 4
TEN, MOST = 10, 20


@dataclass(kw_only=True)
class DifferentialState(MembersState):
    """Nothing but the members."""


class DifferentialEvolution(AskTell[DifferentialState]):
    """Replace each member by a mix of it and a + F (b - c), of three others, unless that is worse (DE/rand/1/bin).

    Each gene is the mutant's with probability `crossover`, and one gene always is. A candidate that is as good as its
    member replaces it, so plateaus are crossed. All candidates of a generation are made from the one before. The first
    members are the starting point and draws from the box, which bounds nothing after; the best of all is recommended.
    A step, which is an iteration, costs `population` forwards, and fewer where the budget ends. It assumes few
    parameters: a population that is small beside their number spans no space. Source: Storn and Price 1997, doi
    10.1023/A:1008202821328.
    """

    name: ClassVar[str] = "de"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution"})
    population: int | None = Field(
        None, ge=LEAST_MEMBERS, description="members; 10 for each parameter, at most 20, if not given"
    )
    factor: float = Field(0.5, gt=0, le=2, description="F, by which differences are multiplied")
    crossover: float = Field(0.9, ge=0, le=1, description="CR, the probability that a gene is the mutant's")
    tolerance: float = Field(
        1e-8,
        ge=0,
        allow_inf_nan=False,
        description="the search ends when no member is further from another in any coordinate",
    )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> DifferentialState:
        count = self.population or min(TEN * objective.D, MOST)
        members = first_members(objective.space, theta, count, rng)
        losses = members.new_full((len(members),), torch.inf)
        return DifferentialState(theta=theta, rng=rng, members=members, losses=losses)

    def ask(self, state: DifferentialState) -> Population:
        if state.scored < len(state.members):
            return Population(unscored(state))
        rows, total = min(len(state.members), state.room), len(state.members)
        a = others(rows, total, [], state.rng)
        b = others(rows, total, [a], state.rng)
        c = others(rows, total, [a, b], state.rng)
        first, second, third = (state.members.index_select(0, each) for each in (a, b, c))
        mutants = first.add_(second.sub_(third), alpha=self.factor)
        return Population(crossed(state.members[:rows], mutants, self.crossover, state.rng))

    def tell(self, state: DifferentialState, candidates: Any, losses: Tensor) -> None:
        if state.scored < len(state.members):
            note_scored(state, losses)
            return
        thetas, rows = candidates.thetas, len(losses)
        replace(state, losses <= state.losses[:rows], thetas, losses)
        note_best(state, thetas, losses)
        state.iteration += 1
        if stands_still(state.members, self.tolerance):
            state.finished = f"all members are within {self.tolerance:g} of each other"
