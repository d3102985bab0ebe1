"""What holds for every learner of the package."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from driving import begin, fit, uniform
from valleys import objective, rosenbrock, sphere

import nogd
from nogd.engine.state import from_bytes, to_bytes
from nogd.training.names import build
from nogd_local import nogd_learners

NAMES = [lazy.name for lazy in nogd_learners()]
RANDOM = {"guess-and-check", "shuffled-pattern-search", "simulated-annealing", "one-plus-one-es"}
every_learner = pytest.mark.parametrize("name", NAMES)


def hole(theta):
    """No finite loss about the origin."""
    return torch.where(theta[0].abs() < 0.5, math.inf, (theta - 3).square().sum())


def cliff(theta):
    """The loss falls up to where it is not a number."""
    return torch.where(theta[0] > 2.5, math.nan, 9 - theta.sum()) + theta[1] ** 2


def flat(theta):
    return 0 * theta.sum() + 7


def test_the_package_offers_what_its_classes_are_called():
    for lazy in nogd_learners():
        assert build(lazy.name).name == lazy.name


def test_listing_them_imports_nothing_heavy():
    code = "import nogd_local as n, sys; n.nogd_learners(); print({'torch', 'numpy', 'scipy'} & set(sys.modules))"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout == "set()\n"


@every_learner
def test_it_says_where_it_comes_from_and_what_a_step_costs(name):
    text = type(build(name)).__doc__
    assert "Source" in text
    assert "costs" in text


@every_learner
@pytest.mark.parametrize("forwards", [1, 2, 3, 4, 5, 7, 12, 23, 60])
def test_no_budget_is_exceeded_or_left_over_and_the_start_never_worsened(name, forwards):
    start = (-1.2, 1.0, -1.2)
    run = fit(name, rosenbrock, start, forwards)
    assert run.meter.forwards == forwards
    assert run.loss <= rosenbrock(torch.tensor(start, dtype=torch.float64)).item()


@every_learner
def test_theta_is_the_best_point_so_far_after_every_step(name):
    learner = build(name)
    the_objective, state = begin(learner, rosenbrock, -1.2, 1.0)
    best = rosenbrock(state.theta).item()
    for _ in range(200):
        learner.step(the_objective, state)
        assert rosenbrock(state.theta).item() <= best
        best = rosenbrock(state.theta).item()
    assert best == pytest.approx(the_objective.trace.best, abs=1e-12)


@every_learner
def test_a_single_parameter_is_enough(name):
    run = fit(name, lambda theta: (theta - 3).square().sum(), (0.0,), 600)
    assert run.loss < (1e-2 if name in ("guess-and-check", "simulated-annealing") else 1e-6)


@every_learner
@pytest.mark.parametrize(("landscape", "start"), [(cliff, (0.0, 0.0)), (hole, (0.0, 0.0))])
def test_losses_that_are_not_finite_are_never_taken(name, landscape, start):
    run = fit(name, landscape, start, 600)
    assert math.isfinite(run.loss)
    assert run.loss < (7.2 if landscape is cliff else 1)  # 6.25 and 0 at best


@every_learner
@pytest.mark.parametrize("landscape", [flat, lambda theta: torch.tensor(math.nan)], ids=["flat", "nan"])
def test_where_no_point_is_better_than_another_it_ends_in_a_finite_place(name, landscape):
    run = fit(name, landscape, (0.5, -0.5), 2_000)
    assert run.theta.isfinite().all()


@every_learner
def test_the_same_seed_gives_the_same_run_and_another_one_another(name):
    first, second, other = (fit(name, rosenbrock, (-1.2, 1.0, 0.3), 150, seed) for seed in (1, 1, 2))
    assert first.theta.equal(second.theta)
    assert first.curve["loss"].equals(second.curve["loss"])
    assert first.theta.equal(other.theta) == (name not in RANDOM)


@every_learner
@pytest.mark.parametrize("stop", [0, 1, 2, 7, 30])
def test_a_run_resumed_from_a_checkpoint_ends_as_one_never_stopped(name, stop):
    learner = build(name)
    unbroken, expected = begin(learner, rosenbrock, -1.2, 1.0, 0.3)
    for _ in range(stop):
        learner.step(unbroken, expected)
    saved = to_bytes(expected), to_bytes(unbroken.save())
    resumed, state = objective(rosenbrock, -1.2, 1.0, 0.3), from_bytes(saved[0])
    resumed.restore(from_bytes(saved[1]))
    for _ in range(60):
        learner.step(unbroken, expected)
        learner.step(resumed, state)
    assert to_bytes(state) == to_bytes(expected)
    assert resumed.meter.forwards == unbroken.meter.forwards


@every_learner
def test_float32_is_enough(name):
    network = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    inputs = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    before = (network(inputs) - 2).square().mean().item()
    run = nogd.fit(network, inputs, torch.full((4, 1), 2.0), learner=name, budget=400)
    assert run.theta.dtype == torch.float32
    assert run.loss < before


@every_learner
@pytest.mark.parametrize("loss", ["falls", "nan"])
def test_it_stays_finite_in_float32_where_the_loss_falls_for_ever_or_is_nowhere_finite(name, loss):
    def score(module):
        return math.nan if loss == "nan" else -float(module.weight.sum())

    run = nogd.minimize(torch.nn.Linear(2, 1, bias=False), score, learner=name, budget=1_500)
    assert run.theta.isfinite().all()


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory):
    """Every learner of the package, and random search, for a fifth of the task's budget."""
    experiment = {
        "learners": [*NAMES, "random-search"],
        "tasks": ["diabetes"],
        "repetitions": 1,
        "budget": {"forwards": 600},
    }
    results = nogd.run(experiment, out=tmp_path_factory.mktemp("runs"), jobs=0, progress=False)
    return results.runs.set_index("learner")


@every_learner
def test_it_learns_the_diabetes_task(name, diabetes):
    run = diabetes.loc[name]
    assert run["status"] == "budget"
    assert run["loss"] <= run["start_loss"]
    if name != "guess-and-check":  # which is random search until a guess fits perfectly
        assert run["loss"] < 0.9 * diabetes.loc["random-search"]["loss"]


def test_the_sphere_can_be_missed():
    """The tests above could fail: three forwards are not enough."""
    assert fit("nelder-mead", sphere, uniform(4, 2.0, 0), 3).loss > 1e-2
