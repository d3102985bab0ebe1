"""The tasks keep nogd's rules, and learners can work on them."""

from __future__ import annotations

import subprocess
import sys

import nogd_no_gradient as package
import pytest
import torch

import nogd
from nogd.testing import parametrize_with_checks

TASKS = {lazy.name: lazy.load() for lazy in package.nogd_tasks()}
STEPPED = [task for task in TASKS.values() if "surrogate" in task.model_fields]


@parametrize_with_checks([*TASKS.values()])
def test_nogd_rules(task, check):
    check(task)


def test_listing_imports_nothing_heavy():
    code = (
        "import nogd_no_gradient as n, sys; n.nogd_tasks(), n.nogd_datasets(), n.nogd_losses(), n.nogd_metrics();"
        " print({'torch', 'numpy', 'pydantic'} & set(sys.modules))"
    )
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout == "set()\n"


def test_the_package_offers_what_its_classes_are_called():
    hooks = (package.nogd_tasks, package.nogd_datasets, package.nogd_losses, package.nogd_metrics)
    for lazy in (each for hook in hooks for each in hook()):
        assert lazy.load().name == lazy.name
    for lazy in package.nogd_tasks():
        assert set(lazy.tags) == set(lazy.load().tags)


def test_a_tag_says_whether_there_is_a_gradient():
    for name, task in TASKS.items():
        assert ("no-gradient" in task.tags) == (not task.differentiable), name
        assert ("hard-gradient" in task.tags) == task.differentiable, name
        assert not task.default


@pytest.mark.parametrize("name", TASKS)
def test_each_has_a_frozen_reference_above_the_constant_predictor(name):
    frozen = TASKS[name]().reference
    assert frozen["test_metric"] > frozen["constant"]
    assert frozen["constant"] == pytest.approx(TASKS[name]().problem(0).constant, abs=1e-4)


@pytest.mark.parametrize("task", STEPPED, ids=lambda task: task.name)
def test_a_surrogate_gives_a_gradient_and_the_same_problem(task):
    plain, smooth = task(), task(surrogate=True)
    assert (plain.has_gradient, smooth.has_gradient) == (False, True)
    assert str(smooth) == f"{task.name},surrogate=true"
    first, second = plain.problem(3), smooth.problem(3)
    assert (first.differentiable, second.differentiable) == (False, True)
    run = nogd.fit(
        second.module,
        getattr(second.train.inputs, "parts", second.train.inputs),
        second.train.targets,
        loss="cross-entropy",
        learner="adam,lr=0.03",
        budget=150,
    )
    assert run.loss < 0.9 * float(run.curve["loss"].iloc[0])


@pytest.mark.parametrize("name", ["f1-board", "auc-board", "diabetes-rank"])
def test_a_loss_of_all_examples_together_can_be_learnt_by_losses_alone(name):
    problem = TASKS[name]().problem(1)
    run = nogd.fit(
        problem.module,
        problem.train.inputs,
        problem.train.targets,
        loss=problem.loss,
        learner="random-search",
        budget=200,
        bounds=problem.bounds,
    )
    assert run.loss < 0.95 * problem.constant_loss
    with torch.no_grad():
        outputs = problem.module(problem.train.inputs)
    # each is 1 less the task's metric
    assert 1 - problem.metric(outputs, problem.train.targets) == pytest.approx(run.loss, abs=1e-5)


@pytest.mark.parametrize("name", ["logistic-map", "lorenz"])
def test_the_true_parameters_leave_the_noise_alone(name):
    task = TASKS[name]()
    problem = task.problem(0)
    true = {
        "growth": [3.8], "begin": [0.3] if name == "logistic-map" else [0.1, 0.1, -0.2],
        "sigma": [10.0], "rho": [28.0], "beta": [8 / 3],
    }  # fmt: skip
    with torch.no_grad():
        for key, parameter in problem.module.named_parameters():
            parameter.copy_(torch.tensor(true[key]))
        outputs = problem.module(problem.train.inputs)
    assert float((outputs - problem.train.targets).square().mean()) == pytest.approx(1e-4, rel=0.6)


@pytest.mark.parametrize("name", ["logistic-map", "lorenz"])
def test_a_longer_path_has_a_steeper_gradient(name):
    """What makes it hard: it explodes on its way back through time."""
    sizes = []
    for steps in (20, 60):
        problem = TASKS[name](steps=steps).problem(2)
        module = problem.module.double()
        first = next(iter(module.parameters()))
        slope = torch.autograd.grad(module(torch.tensor([[steps - 1.0]])).sum(), first)[0]
        sizes.append(float(slope.abs().max()))
    assert sizes[1] > 3 * sizes[0]


def test_the_gradient_of_deep_sigmoids_vanishes_towards_the_first_layer():
    problem = TASKS["deep-sigmoid"]().problem(0)
    outputs = problem.module(problem.train.inputs)
    loss = torch.nn.functional.cross_entropy(outputs, problem.train.targets)
    weights = [parameter for parameter in problem.module.parameters() if parameter.ndim == 2]
    sizes = [float(each.norm()) for each in torch.autograd.grad(loss, weights)]
    assert sizes[0] < 1e-3 * sizes[-1]
    assert len(sizes) == 8
