"""The tasks keep nogd's rules, and learners can work on them."""

from __future__ import annotations

import pytest
import torch
from nogd_images import image_tasks, nogd_tasks, tasks
from torch import Generator

import nogd
from nogd.testing import parametrize_with_checks

NEED_FILES = {"mnist", "fashion-mnist", "cifar10", "cifar100"}  # see test_user_files.py
TASKS = [lazy.load() for lazy in nogd_tasks() if lazy.name not in NEED_FILES]
LINEAR = [task for task in TASKS if task.name not in ("lenet", "resnet-small")]
STEPPED = [task for task in TASKS if not task.differentiable]


@parametrize_with_checks(TASKS)
def test_nogd_rules(task, check):
    check(task)


@pytest.mark.parametrize("task", STEPPED)
def test_a_surrogate_gives_a_gradient_and_the_same_problem(task):
    plain, smooth = task(), task(surrogate=True)
    assert (plain.has_gradient, smooth.has_gradient) == (False, True)
    assert str(smooth) == f"{task.name},surrogate=true"
    first, second = plain.problem(3), smooth.problem(3)
    assert (first.differentiable, second.differentiable) == (False, True)
    assert torch.equal(first.test.inputs, second.test.inputs)
    some = first.train.inputs[:20]
    torch.testing.assert_close(second.module(some), first.module(some), rtol=1e-5, atol=1e-5)
    made = nogd.objective(second.module, some, second.train.targets[:20], loss="cross-entropy")
    _, gradient = made.gradient(made.space.read(second.module))
    hidden = gradient[: made.last_layer.start]
    assert float(hidden.abs().sum()) > 0


def test_who_asks_for_images_gets_them_all_and_all_asks_for_none():
    for task in TASKS:
        assert "images" in task.tags
        assert not task.default


@pytest.mark.parametrize("task", [image_tasks.OneDimensional, tasks.Relu])
def test_a_frozen_reference_is_above_the_constant_predictor(task):
    frozen = task().reference
    assert frozen["test_metric"] > 0.5 > frozen["constant"]
    assert frozen["constant"] == pytest.approx(0.1)


@pytest.mark.parametrize("task", LINEAR)
def test_the_last_layer_can_be_solved_and_a_unit_seen(task):
    """What unit-search needs; a unit of the first layer sees pixels."""
    problem = task().problem(0)
    rows = torch.arange(60)
    made = nogd.objective(
        problem.module, problem.train.inputs[rows], problem.train.targets[rows], loss="cross-entropy"
    )
    assert {"outputs", "readout"} <= made.features
    theta, unit = made.space.read(problem.module), made.units[0]
    view = made.unit_view(theta, unit)
    assert view.inputs is not None
    assert view.inputs.shape[::2] == (60, unit.fan_in)
    found = made.readout_unit(theta, unit, torch.randn(3, len(unit), generator=Generator().manual_seed(0)))
    assert bool(found.losses.isfinite().all())


def test_unit_search_learns_signs_of_pixels():
    problem = tasks.Sign(width=16).problem(0)
    run = nogd.fit(
        problem.module,
        problem.train.inputs,
        problem.train.targets,
        loss="cross-entropy",
        learner="unit-search,population=8",
        budget=200,
    )
    assert run.loss < 0.6 * float(torch.tensor(10.0).log())
    with torch.no_grad():
        right = problem.module(problem.test.inputs).argmax(1) == problem.test.targets
    assert float(right.float().mean()) > 0.6
