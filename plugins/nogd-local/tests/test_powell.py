"""Powell's method: against scipy's, its line searches, and what they cost."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
import torch
from driving import begin, evaluations, fit, sweep, uniform
from powell_reference import powell
from pydantic import ValidationError
from scipy_count import evaluations_of_scipy, evaluations_until_reached
from valleys import rosenbrock, sphere, stretched

import nogd
from nogd_local.powell import Powell, _promises

IN_THE_PLANE = [(sphere, 2), (stretched, 2), (rosenbrock, 2)]
IN_TEN = [
    pytest.param(landscape, 10, marks=pytest.mark.slow) for landscape in (sphere, stretched, rosenbrock)
]


@pytest.mark.parametrize(("landscape", "D"), [*IN_THE_PLANE, *IN_TEN])
def test_it_takes_as_many_evaluations_as_scipy_but_for_one_rule(landscape, D):
    """Within 15 % of scipy's median, from the same directions and at the same precision of the line search.

    In Rosenbrock's valley in the plane it takes hardly more than half: the rule of the next two tests counts there.
    """
    starts = [uniform(D, 2.0, seed) for seed in range(15)]
    ours = statistics.median(_ours(landscape, start) for start in starts)
    ratio = ours / statistics.median(_scipys(landscape, start) for start in starts)
    if (landscape, D) == (rosenbrock, 2):
        assert 0.5 < ratio < 0.65
    else:
        assert 0.85 < ratio < 1.15


@pytest.mark.parametrize(("landscape", "D"), IN_THE_PLANE)
def test_scipy_measures_a_sweep_from_before_the_last_search(landscape, D):
    """The plain reference with that rule asks exactly as often as scipy, from every start."""
    for start in (uniform(D, 2.0, seed) for seed in range(15)):
        assert _of_reference(landscape, start, as_scipy=True) == _scipys(landscape, start)


@pytest.mark.parametrize(("landscape", "D"), IN_THE_PLANE)
def test_it_measures_a_sweep_from_where_the_last_search_ended(landscape, D):
    """Within 15 % of the plain reference with the rule of Powell's paper; fewer, as a line's origin is known."""
    starts = [uniform(D, 2.0, seed) for seed in range(15)]
    ours = statistics.median(_ours(landscape, start) for start in starts)
    theirs = statistics.median(_of_reference(landscape, start, as_scipy=False) for start in starts)
    assert 0.85 < ours / theirs < 1


def _ours(landscape, start):
    return evaluations("powell,sigma=0.5,tolerance=1e-14", landscape, start, 7_000)


def _scipys(landscape, start):
    options = {"direc": 0.5 * np.eye(len(start)), "xtol": 1e-4, "ftol": 1e-14, "maxiter": 100_000}
    return evaluations_of_scipy("Powell", landscape, start, 7_000, options)


def _of_reference(landscape, start, *, as_scipy):
    def search(ask):
        powell(ask, np.array(start), sigma=0.5, as_scipy=as_scipy)

    return evaluations_until_reached(search, landscape)


def test_a_quadratic_valley_aslant_needs_the_directions_that_are_learnt():
    """With the coordinates alone it would be followed in hundreds of small steps."""

    def aslant(theta):
        return 1_000 * (theta[0] - theta[1]) ** 2 + (theta[0] + theta[1] - 4) ** 2

    learner = Powell()
    the_objective, state = begin(learner, aslant, 5.0, -5.0)
    for _ in range(3):
        sweep(learner, the_objective, state)
    assert state.best < 1e-6
    assert (state.directions.count_nonzero(1) == 2).any()


def test_the_loss_at_the_origin_of_a_line_is_not_asked_for_again():
    learner = Powell(sigma=1.0)
    the_objective, state = begin(learner, sphere, -1.0)
    asked = []
    losses = the_objective._scorer.losses
    the_objective._scorer.losses = lambda thetas, rows=None: (
        asked.extend(thetas[:, 0].tolist()) or losses(thetas)
    )
    learner.step(the_objective, state)
    assert asked[0] == 0.0  # a full step from -1
    assert -1.0 not in asked
    assert state.best == 0


def test_lines_along_a_weight_are_walks_and_cost_little_arithmetic():
    network = torch.nn.Sequential(torch.nn.Linear(20, 10), torch.nn.ReLU(), torch.nn.Linear(10, 1))
    torch.nn.init.constant_(network[0].bias, 0.1)
    inputs = torch.linspace(-1, 1, 400).view(20, 20)
    whole = nogd.objective(network, inputs, inputs[:, :1])
    whole.losses(nogd.Population(whole.space.read(network)[None]))
    run = nogd.fit(network, inputs, inputs[:, :1], learner="powell", budget=300)
    assert run.meter.flops < 0.2 * 300 * whole.meter.flops


def test_a_line_that_falls_for_ever_and_one_that_is_flat_do_no_harm():
    run = fit("powell", lambda theta: (-theta[0]).exp(), (0.0, 0.5), 500)
    assert run.theta.isfinite().all()
    assert run.theta[1] == 0.5
    assert run.loss < 1e-9


def test_what_a_line_search_finds_is_kept_when_the_budget_ends_it():
    run = fit("powell", lambda theta: (theta[0] - 1) ** 2 + 7, (0.0,), 2)
    assert (run.loss, run.meter.forwards) == (7.0, 2)


def test_whether_a_direction_is_replaced():
    assert _promises(start=10.0, end=5.0, beyond=1.0, gain=2.0)  # still falling, steeply
    assert not _promises(start=10.0, end=5.0, beyond=11.0, gain=2.0)  # as far again is worse than the start
    assert not _promises(start=10.0, end=5.0, beyond=9.9, gain=4.9)  # one line did nearly all of it
    assert not _promises(start=math.inf, end=5.0, beyond=math.inf, gain=math.inf)


def test_it_ends_when_a_sweep_gains_nothing():
    run = fit("powell", sphere, (1.0, 2.0), 5_000)
    assert run.status == "ok"
    assert run.loss < 1e-12


def test_too_many_parameters_are_refused_with_the_reason():
    large = nogd.objective(torch.nn.Linear(17_000, 1, bias=False), torch.zeros(1, 17_000), torch.zeros(1, 1))
    assert Powell().supports(large) == "directions of 17,000 parameters take 1.1 GiB, and 1 GiB is the most"


@pytest.mark.parametrize("wrong", [{"sigma": 0.0}, {"precision": 1.0}, {"tolerance": -1.0}])
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Powell(**wrong)
