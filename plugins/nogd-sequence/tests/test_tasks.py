"""The tasks keep nogd's rules, and learners can work on them."""

from __future__ import annotations

import subprocess
import sys

import nogd_sequence as package
import pytest
import torch
from nogd_sequence.bytes import BytesGruInt8
from torch import nn

import nogd
from nogd.testing import parametrize_with_checks

TASKS = {lazy.name: lazy.load() for lazy in package.nogd_tasks()}


@parametrize_with_checks([*TASKS.values()])
def test_nogd_rules(task, check):
    check(task)


def test_listing_imports_nothing_heavy():
    code = (
        "import nogd_sequence as n, sys; n.nogd_tasks(), n.nogd_datasets(), n.nogd_metrics();"
        " print({'torch', 'numpy', 'pydantic'} & set(sys.modules))"
    )
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout == "set()\n"


def test_the_package_offers_what_its_classes_are_called():
    for hook in (package.nogd_tasks, package.nogd_datasets, package.nogd_metrics):
        for lazy in hook():
            assert lazy.load().name == lazy.name
    for lazy in package.nogd_tasks():
        assert set(lazy.tags) == set(lazy.load().tags)
        assert not lazy.load().default


@pytest.mark.parametrize("name", TASKS)
def test_each_has_a_frozen_reference_that_is_better_than_score_0(name):
    frozen = TASKS[name]().reference
    assert (frozen["test_metric"] < frozen["constant"]) == name.startswith("bytes")
    assert frozen["constant"] == pytest.approx(TASKS[name]().problem(0).constant, abs=1e-4)


def test_a_surrogate_gives_a_gradient_and_the_same_problem():
    plain, smooth = BytesGruInt8(), BytesGruInt8(surrogate=True)
    assert (plain.has_gradient, smooth.has_gradient) == (False, True)
    assert str(smooth) == "bytes-gru-int8,surrogate=true"
    first, second = plain.problem(3), smooth.problem(3)
    assert (first.differentiable, second.differentiable) == (False, True)
    some = first.train.inputs[:20]
    torch.testing.assert_close(second.module(some), first.module(some), rtol=1e-5, atol=1e-5)
    nn.functional.cross_entropy(second.module(some), second.train.targets[:20]).backward()
    assert bool(second.module.gates.weight.grad.any())


@pytest.mark.parametrize(("name", "budget"), [("bytes-gru", 60), ("majority-transformer", 200)])
def test_gradients_learn_it(name, budget):
    problem = TASKS[name]().problem(0)
    rows = slice(300)
    run = nogd.fit(
        problem.module,
        problem.train.inputs[rows],
        problem.train.targets[rows],
        loss="cross-entropy",
        learner="adam,lr=0.03",
        budget=budget,
    )
    assert run.loss < 0.7 * float(run.curve["loss"].iloc[0])
