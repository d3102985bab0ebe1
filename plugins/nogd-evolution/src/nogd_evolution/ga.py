"""A genetic algorithm without crossover: the best of a generation are copied with noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import AskTell, Objective, Population, State
from nogd_evolution import settings
from nogd_evolution.estimates import draw
from nogd_evolution.helpers import first_deviations


@dataclass(kw_only=True)
class GeneticState(State):
    """parents `[T, D]`, the best of the last generation. sigma: deviations of a mutation, `[D]`. theta: the elite.

    contenders `[C, D]`: the best of a noisy generation, to be scored again; empty otherwise. noisy: whether scores are.
    """

    rng: Generator
    parents: Tensor
    sigma: Tensor
    contenders: Tensor
    noisy: bool


class Ga(AskTell[GeneticState]):
    """Copy the best candidates with normal noise, and keep the very best: a genetic algorithm without crossover.

    Each child is one of the `parents` best of the generation before, drawn at random, plus noise of deviation `sigma`.
    One elite is kept as it is, and scored again among its rivals, on the same examples or episodes as they. Where
    scores are noisy (mini-batches, episodes, masks) the best of many is a lucky one: there the elite and the best
    others, `contenders` in all, are scored once more in a step of their own, on other examples or episodes, and the
    best by that becomes the elite. It is recommended. A step costs `population` forwards, or `contenders`; an iteration
    is one step, or two where scores are noisy. It assumes that small changes of a good network are seldom fatal.
    Source: Such et al. 2017, arXiv:1712.06567, with 1,000 candidates, 20 parents and a deviation of 0.002.
    """

    name: ClassVar[str] = "ga"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution"})
    batches: ClassVar[bool] = True
    sigma: float | None = settings.sigma(
        "standard deviation of a mutation, in theta's units; 1 % of the width of a parameter's box if"
        " not given"
    )
    population: int = Field(20, ge=2, description="candidates of a generation, the elite among them")
    parents: int = Field(5, ge=1, description="best candidates that have children; all where these are fewer")
    contenders: int = Field(
        10, ge=1, description="best candidates that are scored again where scores are noisy"
    )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> GeneticState:
        sigma = first_deviations(objective, self.sigma)
        batch = objective.batch_size
        return GeneticState(
            theta=theta,
            rng=rng,
            parents=theta[None].clone(),
            sigma=sigma,
            contenders=sigma.new_empty(0, len(theta)),
            noisy=objective.noisy or (batch is not None and batch < objective.N),
        )

    def ask(self, state: GeneticState) -> Population:
        """The contenders if there are any, else the elite and its rivals."""
        if len(state.contenders):
            return Population(state.contenders[: state.room])
        count = max(1, min(self.population, state.room) - 1)
        chosen = torch.randint(len(state.parents), (count,), generator=state.rng, device=state.rng.device)
        children = (
            draw(state.theta, count, state.rng).mul_(state.sigma).add_(state.parents.index_select(0, chosen))
        )
        return Population(torch.cat([state.theta[None], children])[: state.room])

    def tell(self, state: GeneticState, candidates: Any, losses: Tensor) -> None:
        best = losses.argsort(stable=True)  # the elite comes first, so that it stays where all are equal
        if len(state.contenders):
            state.contenders = state.contenders[:0]
        else:
            state.parents = candidates.thetas.index_select(0, best[: self.parents])
            if state.noisy:
                rivals = candidates.thetas[best[best > 0][: self.contenders - 1]]
                state.contenders = torch.cat([state.theta[None], rivals])
                return
        if losses[best[0]].isfinite():
            state.theta = candidates.thetas[best[0]].clone()
        state.iteration += 1
