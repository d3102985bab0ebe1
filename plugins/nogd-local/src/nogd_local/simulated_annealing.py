"""Simulated annealing: steps uphill are taken too, the more seldom the colder it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Learner, Objective, State

# The share of proposals to accept that tells most in one dimension (Roberts, Gelman and Gilks 1997).
ACCEPTED = 0.44
LARGEST_GROWTH = 1e6


@dataclass(kw_only=True)
class AnnealingState(State):
    """theta is the best place so far, here [D] the present one; best and loss are their losses.

    differences: sum of the first proposals' differences in loss, from which the first temperature follows; counted:
    how many they are. moves: proposals at this temperature.
    """

    rng: Generator
    here: Tensor
    loss: float
    best: float
    sigma: float
    temperature: float = 0.0
    differences: float = 0.0
    counted: int = 0
    moves: int = 0


class SimulatedAnnealing(Learner[AnnealingState]):
    """Change one weight at random; take it if the loss is no higher, else with probability exp(-difference / T).

    T starts at `heat` times the mean difference that the first proposals made, is multiplied by `cooling` after each
    `moves` proposals, and the step size follows it, so that somewhat less than half of the proposals are taken. The
    best place ever is recommended. A step is one proposal and costs 1 forward; an iteration is one temperature. Source:
    Kirkpatrick et al., Science 220, 1983, doi 10.1126/science.220.4598.671; one coordinate at a time with a step size
    that follows: Corana et al. 1987, doi 10.1145/29380.29864.
    """

    name: ClassVar[str] = "simulated-annealing"
    tags: ClassVar[frozenset[str]] = frozenset({"annealing", "coordinate"})
    sigma: float = Field(0.5, gt=0, allow_inf_nan=False, description="first step size, in theta's units")
    heat: float = Field(
        0.3, ge=0, allow_inf_nan=False, description="first temperature, in mean differences of the loss"
    )
    cooling: float = Field(0.85, gt=0, lt=1, description="factor of the temperature")
    moves: int = Field(100, ge=1, description="proposals at each temperature")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> AnnealingState:
        walk = objective.walk(theta.clone())
        return AnnealingState(
            theta=theta, rng=rng, here=walk.theta, loss=walk.loss, best=walk.loss, sigma=self.sigma
        )

    def step(self, objective: Objective, state: AnnealingState) -> None:
        walk = objective.walk(state.here)
        index, shift, chance = _draw(objective, state)
        value = state.here[index] + shift
        loss = float(walk.losses(index, value[None])[0])
        taken = _takes(loss - state.loss if loss > state.loss else 0.0, state.temperature, chance)
        self._learn(state, loss, taken)
        if taken:
            walk.move(index, value)
            state.loss = loss
        if loss < state.best:
            state.best = loss
            state.theta.copy_(state.here)

    def _learn(self, state: AnnealingState, loss: float, taken: bool) -> None:
        if (
            state.iteration == 0
        ):  # with steps of one size, or a search that settles would find it cold everywhere
            if math.isfinite(loss - state.loss):
                state.differences += abs(loss - state.loss)
                state.counted += 1
        else:
            bound = LARGEST_GROWTH * self.sigma  # where all losses are equal each proposal is taken
            state.sigma = min(state.sigma * math.exp(((1 if taken else 0) - ACCEPTED) / 10), bound)
        state.moves += 1
        if state.moves == self.moves:
            self._cool(state)

    def _cool(self, state: AnnealingState) -> None:
        if state.iteration == 0:
            state.temperature = self.heat * state.differences / max(1, state.counted)
        else:
            state.temperature *= self.cooling
        state.moves = 0
        state.iteration += 1


def _draw(objective: Objective, state: AnnealingState) -> tuple[int, float, float]:
    """Draw a coordinate, how far to shift it, and a number in [0, 1) to decide by."""
    device = state.rng.device
    index = int(torch.randint(objective.D, (), generator=state.rng, device=device))
    normal = float(torch.randn((), generator=state.rng, device=device))
    return index, state.sigma * normal, float(torch.rand((), generator=state.rng, device=device))


def _takes(climb: float, temperature: float, chance: float) -> bool:
    """Whether to go up by so much, or not up at all; only a climb is divided by the temperature, which may be 0."""
    if climb <= 0:
        return True
    return temperature > 0 and chance < math.exp(-climb / temperature)
