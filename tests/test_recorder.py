"""The curve: points on a log grid, measured in time and off the clock, and no effect on what is trained."""

from __future__ import annotations

import itertools
import math
import time

import plain
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, nn

import nogd
from nogd.engine.accounts.meter import Limit
from nogd.learners.random_search import RandomSearch
from nogd.training.loop import Outcome, train
from nogd.training.names import build
from nogd.training.recorder import ROWS_BY_ITERATION, Recorder, budget_grid, keeps_iteration

pytestmark = pytest.mark.torch_alone

CHEAP = 1e-9


def test_twelve_points_a_decade():
    grid = list(budget_grid(100_000, CHEAP))
    assert len([point for point in grid if 1_000 <= point < 10_000]) == 12
    assert len([point for point in grid if 10_000 <= point < 100_000]) == 12
    assert grid[-1] == 100_000


def test_an_endless_grid_for_a_budget_without_forwards():
    grid = list(itertools.islice(budget_grid(math.inf, 1.0), 200))
    assert grid == sorted(set(grid))
    assert len([point for point in grid if 10**6 <= point < 10**7]) == 12


@settings(deadline=None, derandomize=True, max_examples=300)
@given(forwards=st.floats(0.5, 1e7), cost=st.floats(1e-6, 1e4))
def test_a_grid_rises_ends_at_the_budget_and_costs_a_fifth_at_most(forwards, cost):
    *inner, last = budget_grid(forwards, cost)
    assert last == forwards
    assert inner == sorted(set(inner))
    assert all(1 <= point < forwards for point in inner)
    assert len(inner) * cost <= 0.2 * forwards * (1 + 1e-9)


def test_the_first_thousand_iterations_have_a_row_each_and_then_one_on_a_grid():
    kept = [k for k in range(1, 200_001) if keeps_iteration(k)]
    assert kept[:ROWS_BY_ITERATION] == list(range(1, ROWS_BY_ITERATION + 1))
    beyond = [b / a for a, b in itertools.pairwise(kept) if a >= 10_000]
    assert max(beyond) < 1.002
    assert len(kept) < 1_000 + 1_000 * math.log(200) + 10


def run(
    recorder: Recorder | None, learner, forwards: float, target: float | None = None
) -> tuple[Outcome, nogd.Objective]:
    module = plain.network(3, 4, 1, activation=nn.Tanh)
    objective = nogd.objective(module, *plain.data(20, 3))
    made = recorder or Recorder(objective.measure)
    limit = Limit(forwards=forwards)
    learner = build(learner)
    return train(
        learner,
        objective,
        plain.read(module),
        Generator().manual_seed(0),
        limit=limit,
        recorder=made,
        target=target,
    ), objective


def measured() -> nogd.Objective:
    return nogd.objective(plain.network(3, 4, 1, activation=nn.Tanh), *plain.data(20, 3))


def test_a_call_gets_no_credit_before_it_is_paid():
    recorder = Recorder(measured().measure, grid=iter([1, 10, 100, 500, 1_001, 2_000, 5_000]))
    run(recorder, RandomSearch(population=1_000), 2_001)
    loss = {point["forwards"]: point["loss"] for point in recorder.points}
    start = recorder.points[0]["loss"]
    assert [loss[k] for k in (0, 1, 10, 100, 500)] == [start] * 5
    assert loss[1_001] < start  # the first thousand have been paid and told by then
    assert loss[2_000] == loss[1_001]  # the second thousand end at 2,001
    assert [point["forwards"] for point in recorder.points] == [0, 1, 10, 100, 500, 1_001, 2_000, 2_001]


def test_a_point_has_the_ledgers_of_the_recommendation_that_it_shows():
    recorder = Recorder(measured().measure, grid=iter([1, 10, 100]))
    run(recorder, RandomSearch(population=50), 201)
    evaluations = {point["forwards"]: point["evaluations"] for point in recorder.points}
    assert evaluations == {0: 0, 1: 1, 10: 1, 100: 51, 201: 201}


@pytest.mark.parametrize("learner", ["grid-search,points=4", "adam", "adam,rows=3", "random-search+sgd"])
def test_recorded_or_not_theta_is_the_same(learner):
    plain_run, _ = run(None, learner, 300)
    measure = measured().measure
    for recorder in (
        Recorder(measure, grid=budget_grid(300, CHEAP)),
        Recorder(measure, by_iteration=True),
        Recorder(measure, grid=budget_grid(300, CHEAP), by_iteration=True, emit=lambda point: None),
    ):
        recorded, _ = run(recorder, learner, 300)
        assert torch.equal(recorded.theta, plain_run.theta)
        assert recorded.loss == plain_run.loss
        assert len(recorder.points) > 2


def test_recording_by_the_objective_itself_changes_nothing():
    objective = measured()
    recorder = Recorder(objective.measure, by_iteration=True)
    start = plain.network(3, 4, 1, activation=nn.Tanh)
    train(build("adam"), objective, plain.read(start), Generator(), limit=Limit(100), recorder=recorder)
    plain_run, _ = run(None, "adam", 100)
    assert recorder.points[-1]["loss"] == plain_run.loss


def test_points_never_go_back_when_the_target_is_met_within_a_call():
    module = plain.network(3, 4, 1, activation=nn.Tanh)
    start_loss = measured().measure(plain.read(module))["loss"]
    recorder = Recorder(measured().measure, grid=budget_grid(5_000, CHEAP))
    outcome, objective = run(recorder, RandomSearch(population=1_000), 5_000, target=start_loss * 0.999)
    assert outcome.status == "target"
    forwards = [point["forwards"] for point in recorder.points]
    assert forwards == sorted(forwards)
    assert forwards[-1] == objective.meter.forwards < 1_000


@pytest.mark.usefixtures("slept")
def test_observers_see_each_point_once_and_their_time_is_not_the_learners():
    seen = []

    def emit(point):
        seen.append(dict(point))
        time.sleep(0.02)

    recorder = Recorder(measured().measure, by_iteration=True, emit=emit)
    _, objective = run(recorder, "adam", 40)
    assert seen == recorder.points
    assert objective.meter.measuring == pytest.approx(0.02 * len(seen))
    assert objective.meter.seconds == pytest.approx(0)


@pytest.mark.usefixtures("slept")
def test_slow_measuring_is_off_the_clock():
    calls = []

    def slow(theta):
        calls.append(theta)
        time.sleep(0.02)
        return {"loss": 1.0}

    _, objective = run(Recorder(slow, by_iteration=True), "adam", 40)
    assert len(calls) > 10
    assert objective.meter.measuring == pytest.approx(0.02 * len(calls))
    assert objective.meter.seconds == pytest.approx(0)


def test_further_figures_are_kept():
    recorder = Recorder(lambda theta: {"loss": 1.0, "accuracy": 0.5}, by_iteration=True)
    run(recorder, "adam", 10)
    assert {point["accuracy"] for point in recorder.points} == {0.5}


def test_the_solution_of_a_run_that_diverges_is_the_last_finite_one():
    module, (x, y) = (
        plain.network(3, 4, 1, activation=nn.Tanh).float(),
        plain.data(20, 3, dtype=torch.float32),
    )
    result = nogd.fit(module, x, y, learner="sgd,lr=1e20", budget=40)
    assert result.status == "diverged"
    assert math.isfinite(result.loss)
    assert torch.isfinite(result.theta).all()
    assert result.loss == pytest.approx(nogd.objective(module, x, y).measure(result.theta)["loss"])
