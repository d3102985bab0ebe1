"""Unit search: one hidden unit at a time takes other incoming weights, and the last layer is solved for each."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal, final

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd.engine.candidates.sets import Population
from nogd.engine.layers.units import HiddenUnit
from nogd.engine.objective import Objective
from nogd.engine.readout.solved import Readout
from nogd.engine.readout.unit_view import UnitView
from nogd.engine.state import State
from nogd.learners.drawn_features import STEPS, Surrogate, unsolvable
from nogd.learners.left_out_ridge import (
    FEW_STEPS,
    FIRST,
    best_ridge,
    first_ridges,
    neighbours,
    price_of_one,
)
from nogd.learners.unit_candidates import KINDS, cut, separating, shared, turns
from nogd.learners.unit_guides import all_guides, is_dear, seen
from nogd.training.learner import Learner

_MEMORY, _LEAST = 0.9, 1e-12
# The share of its forwards that a search spends on choosing the ridge, and of its budget at the start, at most.
_CHOOSING, _AT_START = 0.1, 0.05
# The ridge with which candidates are compared, at least, where the ridge is chosen: with a smaller one units are turned
# towards the few examples that are not learnt by heart yet.
_COMPARING = 1e-3
# The share of its forwards that it spends on solving the last layer with the chosen ridge, where that is smaller.
_SOLVING = 0.05


@dataclass(kw_only=True)
class UnitSearchState(State):
    """at: where the search stands. value: what its last layer was solved for, with the ridge of the search. loss: of
    theta, the best candidate by the task's own loss, where that is not what is solved for. order: units that this sweep
    has left.

    gains: of each of KINDS, how far a candidate lowers the value in proportion, a moving mean. ridge: the chosen one,
    chosen when the objective's forwards were `looked`; theta's last layer was last solved with it at `solved`.
    """

    rng: Generator
    at: Tensor
    value: float = math.inf
    loss: float = math.inf
    order: list[int] = field(default_factory=list)
    gains: list[float] = field(default_factory=lambda: [0.0] * len(KINDS))
    ridge: float = FIRST
    looked: float = 0.0
    solved: float = 0.0


@final
class UnitSearch(Learner[UnitSearchState]):
    """Give one hidden unit after the other new incoming weights, solve the last layer for each, and keep the best.

    It asks nothing of activations: signs, steps, rounded weights and spikes will do. Candidates are of three kinds.
    Near ones are the unit's own weights and a normal change, of a length between `least` and `most` of theirs, drawn on
    a log scale. Separating ones lie between two examples that are drawn at random. Turned ones go by a length up to
    `far` in one of two ways. Two thirds go down the slopes of the examples' losses along the unit's sum, which two
    passes with its bias moved up and down tell, whatever comes after the unit (Madaline Rule III, Widrow and Lehr 1990,
    doi 10.1109/5.58323, with shifts wide enough for steps). The others go towards the correlation of the unit's inputs
    with what the outputs lack, a weighted sum of the outputs' errors. This costs three forwards for each unit, and is
    what finds weights for units of many inputs. Each kind has a tenth of the candidates, and of the rest as much as it
    has gained.

    An iteration is a sweep through all units in random order. That the last layer is solved for every candidate is
    variable projection (Golub and Pereyra 1973, doi 10.1137/0710036). Its ridge has the lowest loss of examples that
    are left out of the solution: of up to twelve at the start, for a twentieth of the budget, later of the present one
    and its neighbours, for a tenth of the forwards. Candidates are compared with a ridge of 1e-3 at least: with less,
    what the outputs lack is soon little but single examples. Where it is solved for another loss than the task's own,
    the candidate that is best by the task's own is recommended.
    """

    name: ClassVar[str] = "unit-search"
    needs: ClassVar[frozenset[str]] = frozenset({"readout"})
    uses: ClassVar[frozenset[str]] = frozenset({"layers"})
    tags: ClassVar[frozenset[str]] = frozenset({"closed-form", "coordinate"})
    population: int = Field(16, ge=1, description="candidates of a unit")
    candidates: Literal["auto", "near", "separating", "turned"] = Field(
        "auto",
        description="near: changed at random; separating: between two examples; turned: towards what outputs lack;"
        " auto: by what gained",
    )
    least: float = Field(
        0.03, gt=0, allow_inf_nan=False, description="smallest change, relative to the unit's weights"
    )
    most: float = Field(1.0, gt=0, allow_inf_nan=False, description="largest change at random")
    far: float = Field(10.0, gt=0, allow_inf_nan=False, description="largest change towards what is lacking")
    ridge: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="weight of the last layer's squares; chosen by leaving out examples if not given",
    )
    surrogate: Surrogate = None

    def supports(self, objective: Objective) -> str | None:
        if (why := unsolvable(objective, self.surrogate)) is not None:
            return why
        return (
            None
            if objective.units
            else "unit-search needs a hidden layer, and this network is a linear model"
        )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> UnitSearchState:
        if self.ridge is None:
            ridges = first_ridges(objective, self.surrogate, STEPS, _AT_START)
            ridge, found = best_ridge(objective, theta, ridges, self.surrogate, STEPS)
        else:
            ridge = self.ridge
            found = objective.readout(
                Population(theta[None]), ridge=ridge, steps=STEPS, surrogate=self.surrogate
            )
        state = UnitSearchState(theta=theta, at=theta, rng=rng, ridge=ridge)
        self._begin_at(objective, state, found, STEPS)
        return state

    def step(self, objective: Objective, state: UnitSearchState) -> None:
        self._choose_ridge(objective, state)
        self._solve_again(objective, state)
        units = objective.units
        if not state.order:
            state.order = torch.randperm(len(units), generator=state.rng).tolist()
        unit = units[state.order[-1]]
        counts, weights = self._candidates(objective, state, unit)
        ridge = self._comparing(state)
        found = objective.readout_unit(state.at, unit, weights, ridge=ridge, surrogate=self.surrogate)
        before = state.value
        best = self._keep(state, found)
        _learn(state, counts, best, before)
        state.order.pop()
        if not state.order:
            state.iteration += 1

    def _choose_ridge(self, objective: Objective, state: UnitSearchState) -> None:
        """Once its share of what was spent since the last time pays for it."""
        if self.ridge is not None:
            return
        ridges, left = neighbours(state.ridge), objective.left
        price = len(ridges) * price_of_one(objective, self.surrogate, FEW_STEPS)
        share = _CHOOSING * (objective.meter.forwards - state.looked)
        if share < price or left.forwards < price or left.evaluations < len(ridges):
            return
        state.ridge, found = best_ridge(objective, state.at, ridges, self.surrogate, FEW_STEPS)
        self._begin_at(objective, state, found, FEW_STEPS)

    def _comparing(self, state: UnitSearchState) -> float:
        """The ridge with which candidates are compared."""
        return max(state.ridge, _COMPARING) if self.ridge is None else state.ridge

    def _begin_at(self, objective: Objective, state: UnitSearchState, found: Readout, steps: int) -> None:
        """Go on from where the ridge was chosen, with the last layer that candidates are compared with."""
        state.at, state.value, state.looked = found.at(0), math.inf, objective.meter.forwards
        self._recommend(objective, state, found)
        again = self._solved(objective, state, self._comparing(state), steps)
        self._keep(state, found if again is None else again)

    def _solve_again(self, objective: Objective, state: UnitSearchState) -> None:
        """With the chosen ridge, once its share of what was spent since the last time pays for it."""
        if self._comparing(state) == state.ridge:
            return
        price = objective.readout_cost(steps=FEW_STEPS, surrogate=self.surrogate)
        if _SOLVING * (objective.meter.forwards - state.solved) < price:
            return
        found = self._solved(objective, state, state.ridge, FEW_STEPS)
        if found is not None:
            self._recommend(objective, state, found)

    def _solved(
        self, objective: Objective, state: UnitSearchState, ridge: float, steps: int
    ) -> Readout | None:
        """The last layer solved with one of two ridges; None where they are the same, or the budget is too small."""
        price, left = objective.readout_cost(steps=steps, surrogate=self.surrogate), objective.left
        if self._comparing(state) == state.ridge or left.forwards < price or left.evaluations < 1:
            return None
        at = Population(state.at[None])
        return objective.readout(at, ridge=ridge, steps=steps, surrogate=self.surrogate)

    @staticmethod
    def _recommend(objective: Objective, state: UnitSearchState, found: Readout) -> None:
        """What was solved with the chosen ridge."""
        state.solved, loss = objective.meter.forwards, float(found.losses[0])
        if found.is_own:
            state.theta = found.at(0)
        elif loss < state.loss:
            state.theta, state.loss = found.at(0), loss

    def _keep(self, state: UnitSearchState, found: Readout) -> int:
        best = int(found.values.argmin())
        if float(found.values[best]) < state.value:
            state.value, state.at = float(found.values[best]), found.at(best)
            if found.is_own and self._comparing(state) == state.ridge:
                state.theta = state.at
        if not found.is_own and float(found.losses.min()) < state.loss:
            state.loss = float(found.losses.min())
            lowest = torch.where(found.losses == state.loss, found.values, torch.inf)
            state.theta = found.at(int(lowest.argmin()))
        return best

    def _candidates(
        self, objective: Objective, state: UnitSearchState, unit: HiddenUnit
    ) -> tuple[list[int], Tensor]:
        """How many there are of each of KINDS, and all of them: sets of incoming weights, `[M, F]`."""
        own, rng, rows = state.at[unit.coordinates], state.rng, seen(objective, state.rng)
        view = self._view(objective, state, unit, rows)
        if view is None or view.inputs is None:
            count = self._room(objective, unit)
            return [count, 0, 0], self._near(own, count, rng)
        counts = shared(self._room(objective, unit), state.gains, self._possible(unit))
        toward = all_guides(objective, state.at, unit, view, rows, counts[-1], rng)
        counts = cut(counts, self._room(objective, unit))
        near, separated, turned = counts
        lengths = self._lengths(turned, self.far, own, rng)
        parts = [
            self._near(own, near, rng),
            separating(view.inputs.flatten(0, 1), separated, own, rng),
            turns(own, toward[:turned], lengths, unit.fan_in),
        ]
        return counts, torch.cat(parts)

    def _possible(self, unit: HiddenUnit) -> list[bool]:
        """Which of KINDS may be asked for; without a bias no plane lies between two examples."""
        asked = [self.candidates in ("auto", kind) for kind in KINDS]
        asked[1] &= unit.bias
        return asked if any(asked) else [True, False, False]

    def _view(
        self, objective: Objective, state: UnitSearchState, unit: HiddenUnit, rows: Tensor | None
    ) -> UnitView | None:
        """None where nobody looks at it, and where its pass and the work with it would be the last ones."""
        if self.candidates == "near" or is_dear(objective):
            return None
        return objective.unit_view(state.at, unit, rows, surrogate=self.surrogate)

    def _near(self, own: Tensor, count: int, rng: Generator) -> Tensor:
        size = float(own.norm()) / math.sqrt(len(own)) or 1.0
        noise = torch.randn(count, len(own), generator=rng, dtype=own.dtype, device=own.device)
        return own + self._lengths(count, self.most, own, rng) * size * noise

    def _lengths(self, count: int, most: float, like: Tensor, rng: Generator) -> Tensor:
        """From `least` to `most`, drawn on a log scale, `[count, 1]`."""
        spread = torch.rand(count, 1, generator=rng, dtype=like.dtype, device=like.device)
        return self.least * (most / self.least) ** spread

    def _room(self, objective: Objective, unit: HiddenUnit) -> int:
        """How many candidates still fit the budget, at least 1."""
        left, count = objective.left, self.population
        count = max(1, int(min(count, left.evaluations)))
        while (
            count > 1 and objective.readout_unit_cost(unit, count, surrogate=self.surrogate) > left.forwards
        ):
            count -= 1
        return count


def _learn(state: UnitSearchState, counts: list[int], best: int, before: float) -> None:
    """Credit the kind that the best candidate is of, by how far the value has fallen in proportion."""
    fall = before - state.value
    gain = fall / max(abs(before), abs(state.value), _LEAST) if math.isfinite(before) else 0.0
    first = 0
    for kind, count in enumerate(counts):
        if count:
            gained = gain / count if first <= best < first + count else 0.0
            state.gains[kind] = _MEMORY * state.gains[kind] + (1 - _MEMORY) * gained
        first += count
