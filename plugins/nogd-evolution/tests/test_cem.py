"""The cross-entropy method: its update written out slowly, and how its deviations are kept from collapsing."""

from __future__ import annotations

import math

import pytest
import torch
from driving import begin, fit, uniform
from pydantic import ValidationError
from slowly import answer, normal, twin
from valleys import rosenbrock, sphere

from nogd_evolution.cem import Cem

START = (1.0, -2.0, 0.5)


@pytest.mark.parametrize("about", ["old", "new"])
def test_steps_are_the_papers_update_written_out(about):
    learner = Cem(sigma=0.3, population=10, elite=0.25, about=about, extra=0.4, steps=4)
    the_objective, state = begin(learner, rosenbrock, *START)
    theta, variance = list(START), [0.09] * 3
    for step in range(6):
        noise = normal(twin(state), 10, 3).tolist()
        learner.step(the_objective, state)
        thetas = [
            [t + math.sqrt(v) * z for t, v, z in zip(theta, variance, row, strict=True)] for row in noise
        ]
        best = sorted(thetas, key=lambda point: rosenbrock(torch.tensor(point, dtype=torch.float64)).item())[
            :3
        ]
        mean = [sum(point[i] for point in best) / 3 for i in range(3)]
        centre = theta if about == "old" else mean
        extra = 0.4 * max(0, 1 - step / 4) * 0.09
        variance = [sum((point[i] - centre[i]) ** 2 for point in best) / 3 + extra for i in range(3)]
        theta = mean
        assert state.theta.tolist() == pytest.approx(theta, rel=1e-9)
        assert state.variance.tolist() == pytest.approx(variance, rel=1e-9)


def test_about_the_new_mean_deviations_collapse_on_a_slope_and_about_the_old_one_they_grow():
    deviations = {}
    for about in ("new", "old"):
        learner = Cem(sigma=1.0, population=40, about=about, extra=0)
        the_objective, state = begin(learner, lambda theta: theta.sum(-1), 0.0)
        for _ in range(10):
            learner.step(the_objective, state)
        deviations[about] = state.variance.sqrt().item()
    assert deviations["new"] < 0.01
    assert deviations["old"] > 1


def test_extra_variance_keeps_them_from_collapsing_and_ends():
    learner = Cem(sigma=1.0, population=40, about="new", extra=0.5, steps=20)
    the_objective, state = begin(learner, sphere, 30.0)
    for _ in range(10):
        learner.step(the_objective, state)
    assert state.variance.item() > 0.2
    for _ in range(30):
        learner.step(the_objective, state)
    assert state.variance.item() < 1e-4


def test_a_plateau_changes_nothing_and_a_loss_that_is_not_finite_is_in_no_elite():
    learner = Cem(sigma=1.0, population=4, elite=0.75)
    the_objective, state = begin(learner, sphere, 0.3, -0.4)
    for losses in ([7.0] * 4, [math.inf] * 4):
        answer(the_objective, losses)
        learner.step(the_objective, state)
        assert state.theta.tolist() == [0.3, -0.4]
        assert state.variance.tolist() == [1, 1]
    asked = answer(the_objective, [math.inf, 2.0, math.inf, 1.0])
    learner.step(the_objective, state)
    assert state.theta.tolist() == pytest.approx(asked[0][[1, 3]].mean(0).tolist())


@pytest.mark.parametrize("kept_by", ["about=new,extra=0.05", "about=old,extra=0"])
def test_it_comes_to_the_floor_of_the_sphere(kept_by):
    assert fit(f"cem,sigma=1,{kept_by}", sphere, uniform(10, 4.0, 0), 4_000).loss < 1e-4


@pytest.mark.parametrize(
    "wrong",
    [{"sigma": 0.0}, {"population": 1}, {"elite": 0.0}, {"about": "x"}, {"extra": -1.0}, {"steps": 0}],
)
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Cem(**wrong)
