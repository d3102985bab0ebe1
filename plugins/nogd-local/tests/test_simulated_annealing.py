"""Simulated annealing: when it goes uphill, how it cools, and what it recommends."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from driving import begin, fit, sweep
from pydantic import ValidationError
from valleys import rosenbrock

from nogd_local.simulated_annealing import SimulatedAnnealing


def wells(theta):
    """Two wells, about -1 and 1 in each weight, with a wall between; the lower one is at 1."""
    return ((theta.square() - 1).square() - 0.3 * theta + 0.3).sum()


def test_a_fall_is_taken_before_any_exponential_is_computed():
    """exp(1e300 / T) would overflow, and T is 0 at first."""

    def cascade(theta):
        return (theta.sum() > 0).double() * 1e300 + theta.square().sum()

    run = fit("simulated-annealing", cascade, (1.0, 1.0), 500)
    assert run.loss < 10


def test_it_recommends_the_best_place_ever_not_the_last():
    learner = SimulatedAnnealing(heat=50, cooling=0.99)
    the_objective, state = begin(learner, rosenbrock, -1.2, 1.0)
    for _ in range(500):
        learner.step(the_objective, state)
    assert rosenbrock(state.theta).item() == pytest.approx(the_objective.trace.best)
    assert state.loss == pytest.approx(rosenbrock(state.here).item())
    assert state.loss > 2 * state.best


def test_the_first_temperature_follows_the_first_differences_so_the_unit_of_the_loss_is_nothing():
    plain, scaled = (
        fit("simulated-annealing", lambda theta, unit=unit: unit * rosenbrock(theta), (-1.2, 1.0), 800)
        for unit in (1.0, 1024.0)
    )
    assert plain.theta.equal(scaled.theta)


def test_it_cools_geometrically_after_each_so_many_moves():
    learner = SimulatedAnnealing(moves=20, cooling=0.9)
    the_objective, state = begin(learner, rosenbrock, -1.2, 1.0)
    temperatures = []
    for _ in range(5):
        sweep(learner, the_objective, state)
        temperatures.append(state.temperature)
    assert the_objective.meter.forwards == 1 + 5 * 20
    assert temperatures[0] > 0
    ratios = [after / before for before, after in pairwise(temperatures)]
    assert ratios == pytest.approx([0.9] * 4)


def test_it_leaves_a_local_minimum_where_a_cold_search_stays():
    def losses(heat):
        return [
            fit("simulated-annealing", wells, (-1.0,) * 3, 1_500, seed, heat=heat).loss for seed in range(5)
        ]

    assert min(losses(heat=0.0)) > 0.5
    assert max(losses(heat=5.0)) < 0.5


def test_the_step_size_follows_so_that_neither_all_nor_no_moves_are_taken():
    learner = SimulatedAnnealing(sigma=1e-4, cooling=0.999)
    the_objective, state = begin(learner, rosenbrock, -1.2, 1.0)
    for _ in range(700):
        learner.step(the_objective, state)
    assert state.sigma > 1e-3


def test_infinite_losses_count_for_no_temperature():
    def walled(theta):
        return torch.where(theta[0] > 0.1, math.inf, theta.square().sum())

    learner = SimulatedAnnealing(moves=50)
    the_objective, state = begin(learner, walled, 0.0, 1.0)
    sweep(learner, the_objective, state)
    assert 0 < state.temperature < 10


@pytest.mark.parametrize("wrong", [{"sigma": 0.0}, {"heat": -1.0}, {"cooling": 1.0}, {"moves": 0}])
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        SimulatedAnnealing(**wrong)
