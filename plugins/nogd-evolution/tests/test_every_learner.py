"""What holds for every learner of the package."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from driving import begin, fit, objective
from valleys import rosenbrock, sphere

import nogd
from nogd.engine.state import from_bytes, to_bytes
from nogd.training.names import build
from nogd_evolution import nogd_learners

NAMES = [lazy.name for lazy in nogd_learners()]
every_learner = pytest.mark.parametrize("name", NAMES)
# ars-v2 writes into a first layer with a bias, which a bare vector has not: the kit and test_ars_v2.py have its runs.
on_a_vector = pytest.mark.parametrize("name", [name for name in NAMES if name != "ars-v2"])
# What takes pairs or polytopes leaves less than one of them.
LEAST = {"openai-es": 2, "ars": 2, "pgpe": 2, "eggroll": 2, "polystep": 7}
START = (-1.2, 1.0, 0.3, -0.7, 0.5, 0.1)


def test_the_package_offers_what_its_classes_are_called():
    for lazy in nogd_learners():
        assert build(lazy.name).name == lazy.name


def test_listing_them_imports_nothing_heavy():
    code = "import nogd_evolution as n, sys; n.nogd_learners(); print({'torch', 'numpy'} & set(sys.modules))"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout == "set()\n"


@every_learner
def test_it_says_where_it_comes_from_and_what_a_step_costs(name):
    text = type(build(name)).__doc__
    assert "Source" in text
    assert "costs" in text


@every_learner
def test_a_first_step_size_and_a_population_are_called_so(name):
    fields = type(build(name)).model_fields
    assert "population" in fields
    assert not {"std", "stdev", "popsize", "step_size"} & fields.keys()


@on_a_vector
@pytest.mark.parametrize("forwards", [1, 2, 7, 23, 60])
def test_no_budget_is_exceeded_or_left_over(name, forwards):
    run = fit(name, rosenbrock, START, forwards)
    assert forwards - LEAST.get(name, 1) < run.meter.forwards <= forwards
    assert run.theta.isfinite().all()


@on_a_vector
def test_no_candidate_without_a_finite_loss_is_ever_recommended(name):
    def cliff(theta):
        """The loss falls up to where it is not a number."""
        return torch.where(theta[..., 0] > 2.5, math.nan, 9 - theta.sum(-1)) + theta[..., 1:].square().sum(-1)

    run = fit(name, cliff, START, 600)
    assert math.isfinite(run.loss)


@on_a_vector
def test_a_run_resumed_from_a_checkpoint_ends_as_one_never_stopped(name):
    learner = build(name)
    unbroken, expected = begin(learner, rosenbrock, *START)
    for _ in range(7):
        learner.step(unbroken, expected)
    saved = to_bytes(expected), to_bytes(unbroken.save())
    resumed, state = objective(rosenbrock, *START), from_bytes(saved[0])
    resumed.restore(from_bytes(saved[1]))
    for _ in range(20):
        learner.step(unbroken, expected)
        learner.step(resumed, state)
    assert to_bytes(state) == to_bytes(expected)
    assert resumed.meter.forwards == unbroken.meter.forwards


@on_a_vector
@pytest.mark.parametrize("loss", ["falls", "nan"])
def test_it_stays_finite_in_float32_where_the_loss_falls_for_ever_or_is_nowhere_finite(name, loss):
    def score(module):
        return math.nan if loss == "nan" else -float(module.weight.sum())

    run = nogd.minimize(torch.nn.Linear(6, 1, bias=False), score, learner=name, budget=2_000)
    assert run.theta.dtype == torch.float32
    assert run.theta.isfinite().all()


@on_a_vector
def test_it_goes_down_the_sphere(name):
    assert fit(name, sphere, START, 2_000).loss < 0.1 * sphere(torch.tensor(START))


def test_the_sphere_can_be_missed():
    """The test above could fail: three forwards are not enough."""
    assert fit("snes", sphere, START, 3).loss > 0.1 * sphere(torch.tensor(START))
