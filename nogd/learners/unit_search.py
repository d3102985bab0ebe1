"""Unit search: one hidden unit at a time takes other incoming weights, and the last layer is solved for each."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, final

import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from nogd.engine.candidates.sets import Population
from nogd.engine.layers.units import HiddenUnit
from nogd.engine.objective import Objective
from nogd.engine.readout.solved import Readout
from nogd.engine.readout.solving import Kind
from nogd.engine.state import State
from nogd.learners.drawn_features import STEPS, unsolvable
from nogd.training.learner import Learner


@dataclass(kw_only=True)
class UnitSearchState(State):
    """value: what the last layer of theta was solved for, with its ridge. order: units that this sweep has left."""

    rng: Generator
    value: float = math.inf
    order: list[int] = field(default_factory=list)


@final
class UnitSearch(Learner[UnitSearchState]):
    """Give one hidden unit after the other new incoming weights, solve the last layer for each, and keep the best.

    It asks nothing of activations: signs, steps, rounded weights and spikes will do. Of a unit's candidates, a share of
    `fresh` separates two examples that are drawn at random, in a layer that is linear; the others are its own weights
    and a normal change of a length between `least` and `most` of theirs, drawn on a log scale. An iteration is a sweep
    through all units in random order. That the last layer is solved for every candidate is variable projection (Golub
    and Pereyra 1973, doi 10.1137/0710036).
    """

    name: ClassVar[str] = "unit-search"
    needs: ClassVar[frozenset[str]] = frozenset({"readout"})
    uses: ClassVar[frozenset[str]] = frozenset({"layers"})
    tags: ClassVar[frozenset[str]] = frozenset({"closed-form", "coordinate"})
    population: int = Field(32, ge=1, description="candidates of a unit")
    fresh: float = Field(0.3, ge=0, le=1, description="share of them that separates two examples")
    least: float = Field(
        0.03, gt=0, allow_inf_nan=False, description="smallest change, relative to the unit's weights"
    )
    most: float = Field(1.0, gt=0, allow_inf_nan=False, description="largest change")
    ridge: float = Field(1e-4, gt=0, allow_inf_nan=False, description="weight of the last layer's squares")
    surrogate: Kind | None = Field(
        None,
        description="loss that the last layer is solved for; the task's own, or what stands for it, if not given",
    )

    def supports(self, objective: Objective) -> str | None:
        if (why := unsolvable(objective, self.surrogate)) is not None:
            return why
        return (
            None
            if objective.units
            else "unit-search needs a hidden layer, and this network is a linear model"
        )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> UnitSearchState:
        state = UnitSearchState(theta=theta, rng=rng)
        candidates = Population(theta[None])
        self._keep(
            state, objective.readout(candidates, ridge=self.ridge, steps=STEPS, surrogate=self.surrogate)
        )
        return state

    def step(self, objective: Objective, state: UnitSearchState) -> None:
        units = objective.units
        if not state.order:
            state.order = torch.randperm(len(units), generator=state.rng).tolist()
        unit = units[state.order[-1]]
        weights = self._candidates(objective, state, unit)
        found = objective.readout_unit(state.theta, unit, weights, ridge=self.ridge, surrogate=self.surrogate)
        self._keep(state, found)
        state.order.pop()
        if not state.order:
            state.iteration += 1

    @staticmethod
    def _keep(state: UnitSearchState, found: Readout) -> None:
        best = int(found.values.argmin())
        if float(found.values[best]) < state.value:
            state.value, state.theta = float(found.values[best]), found.at(best)

    def _candidates(self, objective: Objective, state: UnitSearchState, unit: HiddenUnit) -> Tensor:
        """Sets of incoming weights, `[M, F]`."""
        own, rng = state.theta[unit.coordinates], state.rng
        examples = _inputs(objective, state.theta, unit)
        count = self._room(objective, unit)
        fresh = 0 if examples is None or not unit.bias else round(self.fresh * count)
        size = float(own.norm()) / math.sqrt(len(own)) or 1.0
        spread = torch.rand(count - fresh, 1, generator=rng, dtype=own.dtype, device=own.device)
        noise = torch.randn(count - fresh, len(own), generator=rng, dtype=own.dtype, device=own.device)
        near = own + self.least * (self.most / self.least) ** spread * size * noise
        if examples is None or not fresh:
            return near
        return torch.cat([_separating(examples, fresh, own, rng), near])

    def _room(self, objective: Objective, unit: HiddenUnit) -> int:
        """How many candidates still fit the budget, at least 1."""
        left, count = objective.left, self.population
        count = max(1, int(min(count, left.evaluations)))
        while (
            count > 1 and objective.readout_unit_cost(unit, count, surrogate=self.surrogate) > left.forwards
        ):
            count -= 1
        return count


def _inputs(objective: Objective, theta: Tensor, unit: HiddenUnit) -> Tensor | None:
    """What goes into a linear layer, `[N, features]`; None for the unit of another, or of one that is not listed."""
    if "layers" not in objective.features:
        return None
    layers = objective.layers
    for place, layer in enumerate(layers):
        if f"{layer.name}.weight" == unit.layer and isinstance(layer.module, nn.Linear):
            found = objective.inputs if place == 0 else objective.activations(theta)[place].inputs
            return found if isinstance(found, Tensor) else None
    return None


def _separating(examples: Tensor, count: int, own: Tensor, rng: Generator) -> Tensor:
    """Weights `[count, F]` of planes between two examples, as large as the unit's own without its bias."""
    places = torch.randint(len(examples), (count,), generator=rng, device=examples.device)
    further = torch.randint(1, max(2, len(examples)), (count,), generator=rng, device=examples.device)
    first = examples[places]
    along = examples[(places + further) % len(examples)] - first
    share = torch.rand(count, 1, generator=rng, dtype=own.dtype, device=own.device)
    weights = nn.functional.normalize(along, dim=1) * own[:-1].norm()
    return torch.cat([weights, -((first + share * along) * weights).sum(1, keepdim=True)], 1)
