"""L-SHADE: differential evolution that learns its factors from what succeeded, with a population that shrinks."""

from __future__ import annotations

import math
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

LEAST_MEMBERS = 4
EIGHTEEN, MOST = 18, 30
SPREAD = 0.1  # scale of both distributions about what is remembered
# What is remembered for crossover once all successes had a rate of 0; it stays.
ENDED = -1.0


@dataclass(kw_only=True)
class LShadeState(MembersState):
    """archive [R, D]: room for members that were replaced; kept [A]: the rows of it that hold one, in their order.

    factors, rates [H]: what is remembered; place: where it goes next.

    F, CR [P]: those of the candidates that are being scored. spent: candidates scored; total: as many as the run may
    take when it begins, 0 if it has no such end.
    """

    archive: Tensor
    kept: Tensor
    factors: Tensor
    rates: Tensor
    F: Tensor
    CR: Tensor
    place: int = 0
    spent: int = 0
    total: int = 0


class LShade(AskTell[LShadeState]):
    """Differential evolution towards one of the best, with factors that follow those that succeeded (L-SHADE).

    A mutant is x + F (p - x) + F (a - b): p one of the best `best` of all, a another member, b a further one or one of
    the archive, which holds members that were replaced by better ones. Each candidate draws F from a Cauchy and CR from
    a normal distribution about one of `memory` remembered pairs; each generation's successes, weighted by how much they
    gained, replace the oldest pair by their Lehmer means. The population falls linearly to 4 over the candidates that
    the budget allows, where the worst leave; without such a limit it stays. The best of all is recommended. A step,
    which is an iteration, costs a forward for each member, and fewer where the budget ends. Source: Tanabe and
    Fukunaga 2014, doi 10.1109/CEC.2014.6900380, but for the first population, 18 for each parameter there.
    """

    name: ClassVar[str] = "l-shade"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution"})
    population: int | None = Field(
        None,
        ge=LEAST_MEMBERS,
        description="members at first; 18 for each parameter, at most 30, if not given",
    )
    best: float = Field(0.11, gt=0, le=1, description="share of the members that p is drawn from; 2 at least")
    archive: float = Field(
        2.6, ge=0, allow_inf_nan=False, description="size of the archive, in populations; 0 for none"
    )
    memory: int = Field(6, ge=1, description="pairs of F and CR that are remembered")
    tolerance: float = Field(
        1e-8,
        ge=0,
        allow_inf_nan=False,
        description="the search ends when no member is further from another in any coordinate",
    )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> LShadeState:
        count = self._first_count(objective.D)
        members = first_members(objective.space, theta, count, rng)
        half = theta.new_full((self.memory,), 0.5)
        left = objective.left
        return LShadeState(
            theta=theta,
            rng=rng,
            members=members,
            losses=members.new_full((len(members),), torch.inf),
            archive=members.new_zeros(round(self.archive * count) + count, objective.D),
            kept=torch.empty(0, dtype=torch.long, device=members.device),
            factors=half,
            rates=half.clone(),
            F=half[:0],
            CR=half[:0],
            total=objective.room() if min(left.forwards, left.evaluations) < math.inf else 0,
        )

    def _first_count(self, D: int) -> int:
        return self.population or max(LEAST_MEMBERS, min(EIGHTEEN * D, MOST))

    def ask(self, state: LShadeState) -> Population:
        if state.scored < len(state.members):
            return Population(unscored(state))
        rows, total = min(len(state.members), state.room), len(state.members)
        self._draw_factors(state, rows)
        a = others(rows, total, [], state.rng)
        b = _of_both(state, others(rows, total + len(state.kept), [a], state.rng))
        members = state.members[:rows]
        F = state.F[:, None]
        mutants = self._good_ones(state, rows).sub_(members).mul_(F).add_(members)
        mutants += state.members.index_select(0, a).sub_(b).mul_(F)
        return Population(crossed(members, mutants, state.CR[:, None], state.rng))

    def _good_ones(self, state: LShadeState, rows: int) -> Tensor:
        """For each row one of the best members, `[rows, D]`; it may be the row's own."""
        count = min(len(state.members), max(2, round(self.best * len(state.members))))
        order = state.losses.argsort(stable=True)[:count]
        chosen = torch.randint(count, (rows,), generator=state.rng, device=state.rng.device)
        return state.members.index_select(0, order[chosen])

    def _draw_factors(self, state: LShadeState, rows: int) -> None:
        chosen = torch.randint(self.memory, (rows,), generator=state.rng, device=state.rng.device)
        normal = torch.empty_like(state.rates[chosen]).normal_(generator=state.rng)
        uniform = torch.rand(rows, generator=state.rng, device=state.rng.device, dtype=torch.float64)
        rates = (state.rates[chosen] + SPREAD * normal).clamp(0, 1)
        state.CR = torch.where(state.rates[chosen] == ENDED, 0.0, rates)
        state.F = positive_cauchy(state.factors[chosen], uniform).clamp(0, 1).to(state.factors)

    def tell(self, state: LShadeState, candidates: Any, losses: Tensor) -> None:
        state.spent += len(losses)
        if state.scored < len(state.members):
            note_scored(state, losses)
            return
        thetas, rows = candidates.thetas, len(losses)
        before = state.losses[:rows].clone()
        better, taken = losses < before, losses <= before
        if better.any():
            _put_away(state, state.members.index_select(0, better.nonzero()[:, 0]))
        replace(state, taken, thetas, losses)
        note_best(state, thetas, losses)
        if better.any():
            self._remember(state, better, before - losses)
        self._shrink(state)
        state.iteration += 1
        if stands_still(state.members, self.tolerance):
            state.finished = f"all members are within {self.tolerance:g} of each other"

    def _remember(self, state: LShadeState, better: Tensor, gains: Tensor) -> None:
        gains, F, CR = gains[better], state.F[better], state.CR[better]
        known = gains.isfinite()  # who replaced one that had no loss gained as much as the best of the others
        gains = torch.where(known, gains, gains[known].max() if known.any() else 1.0)
        weights = gains / gains.max()
        state.factors[state.place] = lehmer_mean(F, weights)
        ended = state.rates[state.place] == ENDED or CR.max() == 0
        state.rates[state.place] = ENDED if ended else lehmer_mean(CR, weights)
        state.place = (state.place + 1) % self.memory

    def _shrink(self, state: LShadeState) -> None:
        """The worst members leave, then members of the archive at random."""
        count = self._first_count(len(state.theta))
        if state.total:
            count = round(count + (LEAST_MEMBERS - count) * min(1.0, state.spent / state.total))
        if count < len(state.members):
            stay = state.losses.argsort(stable=True)[:count].sort().values
            state.members, state.losses = state.members.index_select(0, stay), state.losses[stay]
            state.scored = count
        most = round(self.archive * len(state.members))
        if len(state.kept) > most:
            order = torch.randperm(len(state.kept), generator=state.rng, device=state.rng.device)
            state.kept = state.kept[order[:most]]


def _of_both(state: LShadeState, numbers: Tensor) -> Tensor:
    """Members, and behind them the archive, by number, `[rows, D]`; to join both copies all of the archive."""
    total = len(state.members)
    found = state.members.index_select(0, numbers.clamp(max=total - 1))
    archived = (numbers >= total).nonzero()[:, 0]
    return found.index_copy_(
        0, archived, state.archive.index_select(0, state.kept[numbers[archived] - total])
    )


def _put_away(state: LShadeState, replaced: Tensor) -> None:
    """Members `[K, D]` go to rows of the archive that are free, behind those that it holds."""
    free = torch.ones(len(state.archive), dtype=torch.bool, device=state.archive.device)
    free[state.kept] = False
    rows = free.nonzero()[: len(replaced), 0]
    state.archive.index_copy_(0, rows, replaced)
    state.kept = torch.cat([state.kept, rows])


def positive_cauchy(location: Tensor, uniform: Tensor) -> Tensor:
    """Cauchy draws about a location that are above 0, as if those that are not were drawn again.

    uniform: from 0 to 1, in float64, whose tangent keeps its sign; it is stretched over the part of the distribution
    function that is above 0.
    """
    location = location.double()
    below = 0.5 - torch.atan(location / SPREAD) / math.pi
    level = below + (1 - below) * uniform
    return location + SPREAD * torch.tan(math.pi * (level - 0.5))


def lehmer_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Sum of weighted squares by the weighted sum; in float64, where a small weight does not vanish."""
    weights, values = weights.double(), values.double()
    return (weights * values.square()).sum() / (weights * values).sum()
