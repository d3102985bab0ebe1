"""Pattern search in shuffled order: when the step shrinks, and when it does not."""

from __future__ import annotations

import pytest
import torch
from driving import begin, fit
from pydantic import ValidationError
from valleys import ellipsoid, table

from nogd_local.shuffled_pattern_search import ShuffledPatternSearch

ALL_FAIL = table({(0, 0): 9})


def test_the_step_is_halved_only_when_all_trials_of_one_place_have_failed():
    learner = ShuffledPatternSearch(sigma=2.0)
    the_objective, state = begin(learner, ALL_FAIL, 0.0, 0.0)
    for _ in range(3):
        learner.step(the_objective, state)
        assert (state.sigma, state.iteration) == (2.0, 0)
    learner.step(the_objective, state)
    assert (state.sigma, state.iteration, the_objective.meter.forwards) == (1.0, 1, 5)


def test_trials_that_failed_before_a_success_are_tried_again_after_it():
    learner = ShuffledPatternSearch(sigma=1.0)
    the_objective, state = begin(learner, table({(0, 0): 9, (1, 0): 8}), 0.0, 0.0)
    while state.theta[0] == 0:
        learner.step(the_objective, state)
    assert (state.place, state.sigma) == (0, 1.0)
    for _ in range(3):
        learner.step(the_objective, state)
    assert state.sigma == 1.0
    learner.step(the_objective, state)
    assert state.sigma == 0.5


def test_there_is_no_pattern_move_a_step_changes_one_weight_by_the_step_size_or_nothing():
    learner = ShuffledPatternSearch()
    the_objective, state = begin(learner, ellipsoid, 0.0, 0.0, 0.0)
    for _ in range(200):
        before, sigma, spent = state.theta.clone(), state.sigma, the_objective.meter.forwards
        learner.step(the_objective, state)
        change = (state.theta - before).abs()
        assert change.count_nonzero() <= 1
        assert change.max() in (0, pytest.approx(sigma))
        assert the_objective.meter.forwards == spent + 1


def test_each_coordinate_and_sign_is_tried_once_in_an_order_that_is_new_each_time():
    learner = ShuffledPatternSearch()
    the_objective, state = begin(learner, ALL_FAIL, 0.0, 0.0)
    orders = []
    for _ in range(6):
        orders.append(tuple(state.trials.tolist()))
        for _ in range(4):
            learner.step(the_objective, state)
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len(set(orders)) > 2


def test_a_tie_is_no_success():
    run = fit("shuffled-pattern-search", lambda theta: torch.ones(()), (0.0, 0.0), 40)
    assert run.theta.tolist() == [0.0, 0.0]


def test_it_finds_the_floor_and_ends_below_the_tolerance():
    run = fit("shuffled-pattern-search,tolerance=1e-5", ellipsoid, (-4.3, 4.1, 0.2), 5_000)
    assert run.status == "ok"
    assert run.loss < 1e-6


@pytest.mark.parametrize("wrong", [{"sigma": 0.0}, {"shrink": 1.0}, {"tolerance": -1.0}])
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        ShuffledPatternSearch(**wrong)
