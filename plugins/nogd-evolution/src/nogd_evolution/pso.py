"""Particle swarm optimisation, the standard of 2011: a random point of a ball about where a particle is drawn to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import AskTell, Objective, Population
from nogd_evolution.generations import MembersState, first_members, note_best, replace, stands_still

# The least length that a direction is divided by.
SHORTEST = 1e-12


@dataclass(kw_only=True)
class SwarmState(MembersState):
    """members: the best place of each particle so far, with losses. places, velocities `[S, D]`.

    informed `[S, S]`: whether a particle hears of another's best place.
    """

    places: Tensor
    velocities: Tensor
    informed: Tensor


class Pso(AskTell[SwarmState]):
    """Move particles by their momentum to a random point of a ball about where their best places draw them (SPSO-2011).

    A particle is drawn to its own best place and to the best that it hears of from about three others; the middle of
    these and its own place is the centre of a ball that reaches to the particle. Who hears of whom is drawn again
    after each step that found nothing better. Each number is drawn anew for each particle and parameter. The box is
    where particles start, and bounds nothing after. The best place of all is recommended; the search ends
    when all particles stand at it, as nothing could move them again. A step, which is an iteration, costs `population`
    forwards, and fewer where the budget ends. Source: Zambrano-Bigiarini, Clerc and Rojas 2013, doi
    10.1109/CEC.2013.6557848.
    """

    name: ClassVar[str] = "pso"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution", "swarm"})
    population: int = Field(20, ge=2, description="particles")
    inertia: float = Field(
        1 / (2 * math.log(2)), ge=0, lt=1, description="share of a particle's last move that it goes on by"
    )
    attraction: float = Field(
        0.5 + math.log(2),
        gt=0,
        allow_inf_nan=False,
        description="how far towards a best place, at most, in its distance",
    )
    informants: int = Field(3, ge=1, description="about how many particles hear of a particle's best place")
    tolerance: float = Field(
        1e-8,
        ge=0,
        allow_inf_nan=False,
        description="the search ends when particles and best places are no further from each other, in any coordinate",
    )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SwarmState:
        places = first_members(objective.space, theta, self.population, rng)
        return SwarmState(
            theta=theta,
            rng=rng,
            members=places.clone(),
            losses=places.new_full((self.population,), torch.inf),
            places=places,
            velocities=objective.space.sample(self.population, rng) - places,
            informed=self._links(rng),
        )

    def ask(self, state: SwarmState) -> Population:
        """The particles, moved; where they stand at first, and while the budget leaves some of them unscored."""
        if state.scored < self.population:
            return Population(state.places[state.scored : state.scored + state.room])
        rows = min(self.population, state.room)
        return Population(self._moves(state).add_(state.places)[:rows])

    def _moves(self, state: SwarmState) -> Tensor:
        """The next velocities, `[S, D]`."""
        places, own = state.places, state.members
        heard = torch.where(state.informed, state.losses, torch.inf).argmin(1)
        alone = state.losses[heard] >= state.losses  # what it hears of is no better than its own best place
        to_own = self._draw(state).mul_(own - places)
        middle = self._draw(state).mul_(own.index_select(0, heard).sub_(places)).add_(to_own).div_(3)
        rows = alone.nonzero()[:, 0]
        middle.index_copy_(0, rows, to_own.index_select(0, rows).div_(2))
        direction = torch.empty_like(places).normal_(generator=state.rng)
        radius: Tensor = middle.norm(dim=1, keepdim=True)
        radius = radius * torch.empty_like(radius).uniform_(generator=state.rng)
        direction.div_(direction.norm(dim=1, keepdim=True).clamp_min_(SHORTEST)).mul_(radius)
        return torch.mul(state.velocities, self.inertia, out=to_own).add_(middle).add_(direction)

    def _draw(self, state: SwarmState) -> Tensor:
        return torch.empty_like(state.places).uniform_(generator=state.rng).mul_(self.attraction)

    def tell(self, state: SwarmState, candidates: Any, losses: Tensor) -> None:
        thetas, rows = candidates.thetas, len(losses)
        start = state.scored if state.scored < self.population else 0
        here = slice(start, start + rows)
        if state.scored == self.population:
            torch.sub(thetas, state.places[here], out=state.velocities[here])
            state.places[here] = thetas
        before = state.best
        replace(state, losses < state.losses[here], thetas, losses, start)
        note_best(state, thetas, losses)
        state.scored = min(self.population, state.scored + rows)
        if state.best >= before:
            state.informed = self._links(state.rng)
        state.iteration += state.scored == self.population
        if self._stands_still(state):
            state.finished = f"all particles are within {self.tolerance:g} of each other"

    def _stands_still(self, state: SwarmState) -> bool:
        """Whether places, best places and where momentum leads are all within the tolerance of each other."""
        here = state.places[0]
        return (
            stands_still(state.places, self.tolerance)
            and stands_still(state.members, self.tolerance, here)
            and stands_still(state.places + state.velocities, self.tolerance, here)
        )

    def _links(self, rng: Generator) -> Tensor:
        """Who hears of whom: everybody of itself, of another one with the chance that three draws hit it."""
        chance = 1 - (1 - 1 / self.population) ** self.informants
        links = torch.rand(self.population, self.population, generator=rng, device=rng.device) < chance
        return links.fill_diagonal_(True)
