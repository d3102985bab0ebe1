"""The refining grid: how ranges adapt, and what grid search could not find."""

from __future__ import annotations

import pytest
from driving import begin, fit, sweep
from pydantic import ValidationError
from valleys import ellipsoid, rosenbrock, table

from nogd_local.refining_grid_search import RefiningGridSearch

ROAD = table({(0, 0): 9, (1, 0): 8, (2, 0): 7, (4, 0): 6, (2, 1): 6.5, (3, 0): 6.6})


def test_a_range_grows_where_its_end_was_best_and_shrinks_elsewhere():
    learner = RefiningGridSearch(points=4, sigma=2.0)
    the_objective, state = begin(learner, ROAD, 0.0, 0.0)
    sweep(
        learner, the_objective, state
    )  # 2 is the end of the first grid; above it lies 6.5 at 1, the middle of -2 to 2
    assert (state.theta.tolist(), state.ranges) == ([2.0, 1.0], [4.0, 1.0])


def test_the_best_value_inside_a_grid_makes_it_finer():
    learner = RefiningGridSearch(points=4, sigma=4.0)
    the_objective, state = begin(learner, table({(0, 0): 9, (2, 0): 7, (4, 0): 8}), 0.0, 0.0)
    sweep(learner, the_objective, state)
    assert (state.theta.tolist(), state.ranges) == ([2.0, 0.0], [2.0, 2.0])


def test_the_present_value_is_kept_where_nothing_is_lower_and_ties_change_nothing():
    learner = RefiningGridSearch(points=4, sigma=1.0)
    the_objective, state = begin(learner, table({(0, 0): 9, (1, 0): 9}), 0.0, 0.0)
    sweep(learner, the_objective, state)
    assert (state.theta.tolist(), state.ranges) == ([0.0, 0.0], [0.5, 0.5])


def test_a_step_costs_its_points_and_a_sweep_is_an_iteration():
    learner = RefiningGridSearch(points=6)
    the_objective, state = begin(learner, ellipsoid, 0.0, 0.0, 0.0)
    sweep(learner, the_objective, state)
    assert (the_objective.meter.forwards, state.iteration) == (1 + 3 * 6, 1)


def test_each_weight_has_a_range_of_its_own():
    learner = RefiningGridSearch()
    the_objective, state = begin(
        learner, lambda theta: theta[0] ** 2 + 1e-6 * (theta[1] - 1_000) ** 2, 0.3, 0.0
    )
    for _ in range(6):
        sweep(learner, the_objective, state)
    assert state.ranges[1] > 100 * state.ranges[0]


def test_it_finds_what_lies_between_and_beyond_the_values_of_a_fixed_grid():
    def beyond(theta):
        return ellipsoid(theta - 7.123)

    assert fit("grid-search", beyond, (0.0, 0.0), 1_000).loss > 1
    assert fit("refining-grid-search", beyond, (0.0, 0.0), 1_000).loss < 1e-6


def test_it_ends_when_all_ranges_are_small():
    run = fit("refining-grid-search,tolerance=1e-4", ellipsoid, (0.0, 0.0), 10_000)
    assert run.status == "ok"
    assert run.loss < 1e-5


def test_it_goes_round_a_bend():
    assert fit("refining-grid-search", rosenbrock, (-1.2, 1.0), 5_000).loss < 0.1


@pytest.mark.parametrize(
    "wrong", [{"points": 3}, {"points": 0}, {"sigma": 0.0}, {"grow": 0.5}, {"shrink": 1.0}]
)
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        RefiningGridSearch(**wrong)
