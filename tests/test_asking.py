"""What an AskTell is told before it asks: how much room the budget leaves, and on which rows it will be scored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import plain
import pytest
import torch
from torch import Generator, Tensor

import nogd
from nogd.errors import InvalidSetting, NogdWarning

pytestmark = pytest.mark.torch_alone

ROWS = 13


@dataclass(kw_only=True)
class DriftState(nogd.State):
    rng: Generator
    asked: list[int] = field(default_factory=list)


class Drift(nogd.AskTell):
    """Go to the best of ten random neighbours, fewer where the budget has no room for ten (Matyas 1965)."""

    name: ClassVar[str] = "drift"
    population: int = 10

    def init(self, objective: nogd.Objective, theta: Tensor, rng: Generator) -> nogd.State:
        return DriftState(theta=theta, rng=rng)

    def ask(self, state: Any) -> nogd.Population:
        count = min(self.population, state.room)
        state.asked.append(count)
        return nogd.Population(
            state.theta + torch.randn(count, len(state.theta), generator=state.rng).double()
        )

    def tell(self, state: Any, candidates: Any, losses: Tensor) -> None:
        state.theta = candidates.at(int(losses.argmin())).clone()
        state.iteration += 1


class Batched(Drift):
    """The same on a few of the rows, others in each step (Matyas 1965)."""

    name: ClassVar[str] = "batched"
    batches: ClassVar[bool] = True


class Watching(nogd.Objective):
    """Keeps the rows of each call, and how many candidates were asked."""

    calls: list[tuple[int, list[int] | None]]

    def losses(self, candidates, rows=None):
        losses = super().losses(candidates, rows)
        self.calls.append((len(losses), None if rows is None else rows.tolist()))
        return losses


def fit(learner: Any, **settings: Any) -> nogd.Run:
    return nogd.fit(plain.network(3, 4, 1), *plain.data(ROWS, 3), learner=learner, **settings)


def watched(
    learner: nogd.Learner, batch_size: int | None, seed: int = 0
) -> list[tuple[int, list[int] | None]]:
    """The calls of three steps."""
    made = nogd.objective(plain.network(3, 4, 1), *plain.data(ROWS, 3), batch_size=batch_size)
    made.__class__, made.calls = Watching, []
    state = learner.init(made, plain.thetas(1, made.D)[0], Generator().manual_seed(seed))
    for _ in range(3):
        learner.step(made, state)
    return made.calls


@pytest.mark.parametrize("budget", [nogd.Budget(forwards=25), nogd.Budget(evaluations=25)])
@pytest.mark.parametrize("learner", [Drift(), "random-search,population=10"])
def test_a_last_generation_shrinks_so_that_the_budget_is_spent_to_the_last_candidate(learner, budget):
    run = fit(learner, budget=budget)
    assert (run.status, run.meter.forwards, run.meter.evaluations) == ("budget", 25, 25)


def test_the_narrowest_of_all_limits_counts():
    sequence = nogd.Sequence(parts=(Drift(), Drift(population=7)), shares=(0.3, 0.7))
    run = fit(sequence, budget=nogd.Budget(forwards=50, evaluations=40))
    assert run.meter.evaluations == 40
    assert run.curve[run.curve["phase"] == 0]["evaluations"].max() == 12


def test_room_is_for_candidates_on_those_rows():
    run = fit(Batched(), budget=3, batch_size=5)  # 39 examples, of which 7 candidates of 5 rows have 35
    assert (run.meter.evaluations, run.meter.examples) == (7, 35)


@pytest.mark.parametrize("share", [1, 5, 7, 12])
def test_room_is_what_the_gate_lets_through(share):
    rows = torch.arange(share)
    for budget in (1, 2, 3.7, 10, 1 / 3, 29):
        made = nogd.objective(plain.network(3, 4, 1), *plain.data(ROWS, 3))
        made.begin(torch.zeros(made.D, dtype=made.dtype), nogd.Budget(forwards=budget).limit(), None, None)
        room = made.room(rows)
        if room * share <= budget * ROWS:
            made.losses(nogd.Population(plain.thetas(room, made.D)), rows)
        else:
            assert room == 1  # at least, and the gate refuses it
        assert made.meter.examples + share > budget * ROWS - 1e-9


def test_nothing_limits_the_room_where_there_is_no_limit():
    made = nogd.objective(plain.network(3, 4, 1), *plain.data(ROWS, 3))
    assert made.room() > 10**18


def test_all_candidates_of_a_step_see_the_same_rows_and_each_step_sees_others():
    calls = watched(Batched(), 5)
    assert [count for count, _ in calls] == [10, 10, 10]
    for _, rows in calls:
        assert rows is not None
        assert len(set(rows)) == 5
        assert set(rows) <= set(range(ROWS))
    assert len({tuple(rows or ()) for _, rows in calls}) == 3
    assert calls == watched(Batched(), 5)
    assert calls != watched(Batched(), 5, seed=1)


@pytest.mark.parametrize(
    ("learner", "size"), [(Batched(), None), (Batched(), ROWS), (Batched(), 99), (Drift(), 5)]
)
def test_all_rows_where_no_batches_are_asked_for_or_taken(learner, size):
    calls = watched(learner, size)
    assert [rows for _, rows in calls] == [None] * 3
    assert calls == watched(Drift(), None)  # and nothing is drawn


IGNORING = {
    "grid-search": "grid-search",
    "random-search": "random-search",
    "exact-line": "exact-line",
    "hybrid": "grid-search",
    "grid-search+adam": "grid-search",
    "exact-line+random-search+adam+exact-line": "exact-line and random-search",
}


@pytest.mark.parametrize("learner", IGNORING)
def test_a_batch_size_that_is_ignored_is_said_to_be(learner):
    with pytest.warns(
        NogdWarning, match=f"batch_size=5 makes no difference to {IGNORING[learner]}, which asks? for all"
    ):
        fit(learner, budget=30, batch_size=5)


@pytest.mark.parametrize("learner", ["adam", "sgd", "adam+sgd", Batched()])
def test_who_takes_batches_is_not_warned_of(learner):
    run = fit(learner, budget=30, batch_size=5)
    assert run.meter.examples < run.meter.evaluations * ROWS


@pytest.mark.filterwarnings('ignore:Field name "rows"')
def test_rows_is_no_name_for_a_setting_of_an_ask_tell():
    with pytest.raises(
        InvalidSetting, match="calls a hyper-parameter 'rows', which is a method of every AskTell"
    ):

        class Named(Drift):
            rows: int = 3


def test_the_type_of_a_state_is_for_type_checkers_alone():
    assert nogd.Learner[nogd.State] is nogd.Learner
    assert nogd.AskTell[nogd.State] is nogd.AskTell
