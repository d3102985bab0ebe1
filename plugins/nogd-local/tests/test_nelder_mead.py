"""Nelder and Mead's simplex: against scipy's, and the traps that implementations of it fall into."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
import torch
from driving import begin, evaluations, fit, sweep, uniform
from pydantic import ValidationError
from scipy_count import evaluations_of_scipy
from valleys import rosenbrock, sphere, stretched

import nogd
from nogd_local.nelder_mead import NelderMead


def spikes(*tips):
    """9 and a little more at the given points of the plane, in turn; 100 everywhere else."""
    places = torch.tensor(tips, dtype=torch.float64)

    def landscape(theta):
        near = (places - theta).abs().amax(1) < 1e-9
        return torch.where(near.any(), 9 + 0.1 * near.double().argmax(), 100.0)

    return landscape


THREE = spikes((0, 0), (1, 0), (0, 1))


@pytest.mark.parametrize("D", [2, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("landscape", [sphere, stretched, rosenbrock])
def test_it_takes_as_many_evaluations_as_scipy(landscape, D):
    """Within 15 % was asked for; from the same simplex it is the same, but for rounding."""
    ours, theirs = [], []
    for seed in range(15):
        start = uniform(D, 2.0, seed)
        ours.append(evaluations("nelder-mead,sigma=0.5", landscape, start, 5_000))
        options = {
            "adaptive": True,
            "initial_simplex": np.vstack([start, np.array(start) + 0.5 * np.eye(D)]),
            "xatol": 0,
            "fatol": 0,
            "maxiter": 100_000,
        }
        theirs.append(evaluations_of_scipy("Nelder-Mead", landscape, start, 5_000, options))
    assert statistics.median(ours) < math.inf
    assert statistics.median(ours) == pytest.approx(statistics.median(theirs), rel=0.05)


def test_the_coefficients_are_gao_and_hans():
    assert NelderMead().coefficients(10) == pytest.approx((1, 1.2, 0.7, 0.9))
    assert (
        NelderMead().coefficients(2)
        == pytest.approx((1, 2, 0.5, 0.5))
        == NelderMead(adaptive=False).coefficients(9)
    )
    assert NelderMead().coefficients(1) == NelderMead().coefficients(2)  # 1 - 1/D would shrink to a point


def test_without_adapted_coefficients_it_degenerates_in_many_dimensions():
    start = uniform(40, 2.0, 0)
    needed = evaluations("nelder-mead", sphere, start, 6_000)
    assert evaluations("nelder-mead,adaptive=false", sphere, start, int(2 * needed)) == math.inf


def test_the_first_simplex_has_an_absolute_size_where_theta_is_zero():
    learner = NelderMead(sigma=0.25)
    _, state = begin(learner, sphere, 0.0, 0.0, 3.0)
    edges = state.corners[1:] - state.corners[0]
    assert edges.equal(0.25 * torch.eye(3, dtype=torch.float64))


def test_a_shrink_asks_for_all_corners_but_the_best():
    learner = NelderMead()
    the_objective, state = begin(learner, THREE, 0.0, 0.0)
    spent = [the_objective.meter.forwards]
    while state.iteration == 0:
        learner.step(the_objective, state)
        spent.append(the_objective.meter.forwards)
    assert spent == [0, 3, 4, 5, 7]  # the simplex, a reflection, a contraction inside, the shrink
    assert sorted(state.corners.tolist()) == [[0.0, 0.0], [0.0, 0.5], [0.5, 0.0]]
    assert state.losses.tolist() == [9.0, 100.0, 100.0]


def test_a_shrink_or_first_simplex_that_the_budget_cuts_short_is_used_as_far_as_it_goes():
    finer = spikes((9, 9), (0, 0), (1, 0), (0, 1), (0.5, 0))  # all corners above 9, which is far away

    def landscape(theta):
        return finer(theta) - 5 * ((theta - torch.tensor([0.5, 0.0])).abs().amax() < 1e-9)

    assert fit("nelder-mead", landscape, (0.0, 0.0), 6).loss == pytest.approx(4.4)
    run = fit("nelder-mead", sphere, (-1.0, -1.0, -1.0), 3)
    assert (run.meter.forwards, run.loss) == (3, 2.0)


def test_the_running_sum_of_the_corners_does_not_drift():
    learner = NelderMead()
    the_objective, state = begin(learner, rosenbrock, *uniform(8, 2.0, 1))
    for _ in range(2_000):
        learner.step(the_objective, state)
    assert state.total.tolist() == pytest.approx(state.corners.sum(0).tolist(), abs=1e-12)
    assert state.losses.tolist() == pytest.approx([rosenbrock(corner).item() for corner in state.corners])


def test_a_reflection_that_is_best_is_recommended_before_the_expansion_is_asked_for():
    learner = NelderMead()
    the_objective, state = begin(learner, lambda theta: -theta.sum(), 0.0, 0.0)
    learner.step(the_objective, state)
    learner.step(the_objective, state)
    assert state.move == "expansion"
    assert state.theta.tolist() == [1.0, 1.0]
    sweep(learner, the_objective, state)
    assert state.theta.tolist() == [1.5, 1.5]


def test_it_ends_when_the_simplex_is_small():
    run = fit("nelder-mead,tolerance=1e-3", sphere, (1.0, 1.0), 5_000)
    assert run.status == "ok"
    assert 1e-12 < run.loss < 1e-4


def test_too_many_parameters_are_refused_with_the_reason():
    large = nogd.objective(torch.nn.Linear(17_000, 1, bias=False), torch.zeros(1, 17_000), torch.zeros(1, 1))
    assert (
        NelderMead().supports(large) == "a simplex of 17,000 parameters takes 1.1 GiB, and 1 GiB is the most"
    )
    small = nogd.objective(torch.nn.Linear(9, 1), torch.zeros(1, 9), torch.zeros(1, 1))
    assert NelderMead().supports(small) is None


@pytest.mark.parametrize("wrong", [{"sigma": 0.0}, {"adaptive": "perhaps"}, {"tolerance": -1.0}])
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        NelderMead(**wrong)
