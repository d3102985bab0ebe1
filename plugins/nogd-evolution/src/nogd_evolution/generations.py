"""What the learners that keep a population share: its first members, how they are scored, who of them differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from nogd import ParameterSpace, State


@dataclass(kw_only=True)
class MembersState(State):
    """members `[NP, D]` with their losses `[NP]`, infinite where one was not scored yet; scored: how many were.

    theta is the best of all that were scored, with the loss `best`.
    """

    rng: Generator
    members: Tensor
    losses: Tensor
    scored: int = 0
    best: float = math.inf


def first_members(space: ParameterSpace, theta: Tensor, count: int, rng: Generator) -> Tensor:
    """The starting point and vectors drawn from the box, `[count, D]`."""
    return torch.cat([theta[None], space.sample(count - 1, rng)])


def unscored(state: MembersState) -> Tensor:
    """Members to score before anything else, as many as the budget allows, `[P, D]`; none once all are."""
    return state.members[state.scored : state.scored + state.room]


def note_best(state: MembersState, thetas: Tensor, losses: Tensor) -> None:
    """Recommend the best of those that were just scored if it is better than what is recommended."""
    lowest = int(losses.argmin())
    if losses[lowest] < state.best:
        state.best, state.theta = float(losses[lowest]), thetas[lowest].clone()


def replace(state: MembersState, taken: Tensor, thetas: Tensor, losses: Tensor, start: int = 0) -> None:
    """Put candidates in the place of the members from `start` on, where they are taken, `[P]`."""
    _keep_exact(state, losses)
    places = taken.nonzero()[:, 0]
    # By number: indexing by a mask, or by a tensor in brackets, takes five times as long.
    state.members.index_copy_(0, places + start, thetas.index_select(0, places))
    state.losses.index_copy_(0, places + start, losses.index_select(0, places))


def note_scored(state: MembersState, losses: Tensor) -> None:
    """Take the losses of what `unscored` gave; the first generation ends with the last of them."""
    start, stop = state.scored, state.scored + len(losses)
    _keep_exact(state, losses)
    state.losses[start:stop] = losses
    note_best(state, state.members[start:stop], losses)
    state.scored = stop
    if stop == len(state.members):
        state.iteration += 1


def _keep_exact(state: MembersState, losses: Tensor) -> None:
    """Losses may have another dtype than members: a simulator's are float64."""
    state.losses = state.losses.to(losses.dtype)


def others(rows: int, total: int, taken: list[Tensor], rng: Generator) -> Tensor:
    """For each row i of `rows` a number below `total` that is neither i nor one of the taken, all equally likely.

    taken: numbers `[rows]` each, all different and none of them i. Each is passed over in ascending order, so nothing
    is drawn twice.
    """
    numbers = torch.arange(rows, device=rng.device)
    barred = torch.stack([numbers, *taken]).sort(0).values
    drawn = (
        torch.rand(rows, generator=rng, device=rng.device, dtype=torch.float64) * (total - len(barred))
    ).long()
    for each in barred:
        drawn += drawn >= each
    return drawn


def crossed(members: Tensor, mutants: Tensor, rate: Tensor | float, rng: Generator) -> Tensor:
    """Binomial crossover: each gene is the mutant's with probability `rate` (`[P, 1]` or one), and one gene always.

    Written over `mutants`.
    """
    taken = torch.rand(members.shape, generator=rng, device=rng.device, dtype=members.dtype).lt_(rate)
    always = torch.randint(members.shape[1], (len(members), 1), generator=rng, device=rng.device)
    # Ends of a line are met exactly; `where` takes several times as long, as it branches at each gene.
    return torch.lerp(members, mutants, taken.scatter_(1, always, 1.0), out=mutants)


def stands_still(members: Tensor, tolerance: float, about: Tensor | None = None) -> bool:
    """Whether no member is further than that from the first one in any coordinate: differences move none.

    about: `[D]`, in place of the first one.
    """
    middle = members[0] if about is None else about
    # One of them nearly always shows that there is movement.
    return all(float((some - middle).abs_().max()) <= tolerance for some in (members[-1], members))
