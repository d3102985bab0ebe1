"""Pattern search: what it finds, and the traps that implementations of it fall into."""

from __future__ import annotations

import pytest
from driving import begin, fit, sweep
from pydantic import ValidationError
from valleys import ellipsoid, rosenbrock, table

from nogd_local.pattern_search import PatternSearch

START = (0.0, 0.0)


@pytest.mark.parametrize(
    ("landscape", "start", "forwards", "floor"),
    [
        (ellipsoid, (0.0, 0.0), 500, (3.0, -1.0)),
        (ellipsoid, (-4.3, 4.1, 0.2, -2.9), 2_000, (3.0, -1.0, 3.0, -1.0)),
        (rosenbrock, (-1.2, 1.0), 2_000, (1.0, 1.0)),
        (rosenbrock, (-1.2, 1.0, -1.2), 20_000, (1.0, 1.0, 1.0)),
    ],
)
def test_finds_the_floor(landscape, start, forwards, floor):
    run = fit("pattern-search", landscape, start, forwards)
    assert run.loss < 1e-6
    assert run.theta.tolist() == pytest.approx(floor, abs=1e-2)


def test_the_pattern_move_follows_a_valley_faster_than_sweeps_alone():
    """Along a diagonal valley, pattern moves of growing length go where sweeps would crawl."""

    def diagonal(theta):
        return (theta[0] - theta[1]) ** 2 + 1e-3 * (theta.sum() - 1000) ** 2

    # Sweeps of 4 forwards that gain 1 in each coordinate would come to a sum of 200, and a loss of 640.
    assert fit("pattern-search,sigma=1", diagonal, START, 400).loss < 1.0


def test_a_sweep_costs_two_forwards_per_coordinate_and_a_pattern_move_one():
    learner = PatternSearch(sigma=1.0)
    the_objective, state = begin(learner, ellipsoid, 0.0, 0.0, 0.0)
    assert the_objective.meter.forwards == 1
    sweep(learner, the_objective, state)
    assert the_objective.meter.forwards == 1 + 2 * 3
    learner.step(the_objective, state)
    assert (state.moved, the_objective.meter.forwards) == (True, 1 + 2 * 3 + 1)


def test_both_signs_are_tried_and_the_better_one_is_taken():
    learner = PatternSearch(sigma=1.0)
    the_objective, state = begin(learner, table({(0, 0): 9, (1, 0): 8, (-1, 0): 7, (-1, 1): 7}), *START)
    sweep(learner, the_objective, state)
    assert state.theta.tolist() == [-1.0, 0.0]  # (-1, 1) is a tie: only what is lower is taken


def test_a_failed_coordinate_does_not_shrink_the_step():
    learner = PatternSearch(sigma=1.0)
    the_objective, state = begin(learner, table({(0, 0): 9, (0, 1): 8, (0, 2): 7, (0, 3): 6}), *START)
    for _ in range(2):  # the first coordinate fails in each sweep, the second does not
        sweep(learner, the_objective, state)
    assert (state.theta.tolist(), state.sigma) == ([0.0, 3.0], 1.0)


def test_the_step_is_halved_after_a_sweep_that_helps_nowhere():
    learner = PatternSearch(sigma=2.0)
    the_objective, state = begin(learner, table({(0, 0): 9}), *START)
    sweep(learner, the_objective, state)
    learner.step(the_objective, state)
    assert (state.sigma, state.theta.tolist()) == (1.0, [0.0, 0.0])


def test_a_pattern_move_to_a_worse_point_is_explored_before_it_is_judged():
    learner = PatternSearch(sigma=1.0)
    bend = {(0, 0): 10, (1, 0): 9, (1, 1): 8, (2, 2): 50, (3, 2): 7}
    the_objective, state = begin(learner, table(bend), *START)
    sweep(learner, the_objective, state)
    learner.step(the_objective, state)
    assert (state.trial.tolist(), state.trial_loss) == ([2.0, 2.0], 50.0)
    assert state.theta.tolist() == [1.0, 1.0]  # the recommendation does not move along
    sweep(learner, the_objective, state)
    assert state.theta.tolist() == [3.0, 2.0]


def test_a_pattern_move_that_does_not_help_is_undone_and_the_step_kept():
    learner = PatternSearch(sigma=1.0)
    wall = {(0, 0): 10, (1, 0): 9, (1, 1): 8, (2, 2): 50, (3, 2): 40, (1, 2): 7.5}
    the_objective, state = begin(learner, table(wall), *START)
    sweep(learner, the_objective, state)
    learner.step(the_objective, state)
    sweep(learner, the_objective, state)
    assert (state.trial.tolist(), state.theta.tolist()) == ([1.0, 2.0], [1.0, 2.0])  # better than both: kept

    wall[(1, 2)] = 45
    the_objective, state = begin(learner, table(wall), *START)
    sweep(learner, the_objective, state)
    learner.step(the_objective, state)
    sweep(learner, the_objective, state)
    assert state.trial.tolist() == [3.0, 2.0]
    learner.step(the_objective, state)
    assert (state.trial.tolist(), state.trial_loss, state.sigma) == ([1.0, 1.0], 8.0, 1.0)
    sweep(
        learner, the_objective, state
    )  # from where it came back to, nothing helps: only now the step shrinks
    learner.step(the_objective, state)
    assert state.sigma == 0.5


def test_after_a_pattern_move_is_undone_the_next_one_starts_from_the_same_base():
    learner = PatternSearch(sigma=1.0)
    the_objective, state = begin(learner, table({(0, 0): 10, (1, 0): 9, (1, 1): 8, (0, 1): 7}), *START)
    for _ in range(3):  # to (1, 1), a pattern move that fails, back and to (0, 1)
        sweep(learner, the_objective, state)
    learner.step(the_objective, state)
    assert (state.base.tolist(), state.trial.tolist()) == ([0.0, 1.0], [-1.0, 1.0])


def test_a_second_pattern_move_goes_on_from_the_first():
    learner = PatternSearch(sigma=1.0)
    the_objective, state = begin(learner, table({(n, 0): 10 - n for n in range(6)}), *START)
    places = []
    for _ in range(2):
        sweep(learner, the_objective, state)
        places.append(state.theta[0].item())
        learner.step(the_objective, state)
    # 0 -> 1, pattern move to 2, sweep to 3, pattern move by 2 to 5
    assert [*places, state.theta[0].item()] == [1.0, 3.0, 5.0]


def test_the_search_ends_when_the_step_is_below_the_tolerance():
    run = fit("pattern-search", ellipsoid, START, 10_000, tolerance=0.1)
    assert run.status == "ok"
    assert run.meter.forwards < 10_000


@pytest.mark.parametrize("wrong", [{"sigma": 0.0}, {"shrink": 1.0}, {"tolerance": -1.0}, {"points": 3}])
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        PatternSearch(**wrong)
