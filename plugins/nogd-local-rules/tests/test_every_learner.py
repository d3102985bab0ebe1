"""What holds for every learner of the package."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from nogd_local_rules import nogd_learners
from small import CLASSES, begin, data, network

import nogd
from nogd.training.names import build

NAMES = [lazy.name for lazy in nogd_learners()]
every_learner = pytest.mark.parametrize("name", NAMES)
# Those that learn linear layers and activations; the other one has spikes and no layers to list.
LAYERED = sorted({*NAMES} - {"r-stdp"})
every_layered = pytest.mark.parametrize("name", LAYERED)


def test_the_package_offers_what_its_classes_are_called():
    for lazy in nogd_learners():
        assert build(lazy.name).name == lazy.name


def test_listing_them_imports_nothing_heavy():
    code = "import nogd_local_rules as n, sys; n.nogd_learners(); print({'torch', 'numpy', 'scipy'} & set(sys.modules))"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout == "set()\n"


@every_learner
def test_it_says_where_it_comes_from_and_what_a_step_costs(name):
    text = type(build(name)).__doc__
    assert "Source" in text
    assert "costs" in text


@every_layered
def test_mini_batches_take_every_example_once_an_epoch(name):
    learner = build(f"{name},rows=8")
    objective, state = begin(learner, network(4, 5, CLASSES), *data(20))
    seen = []
    for _ in range(3):
        learner.step(objective, state)
        seen.append(state.cursor)
    assert seen == [8, 16, 24]
    assert state.iteration == 1
    assert sorted(state.order.tolist()) == list(range(20))
    learner.step(objective, state)
    assert (state.cursor, state.iteration) == (8, 1)


@pytest.mark.parametrize("name", sorted({*LAYERED} - {"pepita"}))  # whose error is that of the second pass
def test_a_network_without_hidden_layers_learns_by_the_delta_rule(name):
    learner = build(f"{name},optimizer=sgd,lr=1")
    objective, state = begin(learner, network(4, CLASSES), *data())
    before = state.theta.clone()
    _, gradient = objective.gradient(before)
    learner.step(objective, state)
    assert torch.allclose(before - state.theta, gradient, rtol=1e-9, atol=1e-12)


@every_layered
def test_convolutions_are_refused(name):
    images = torch.randn(6, 1, 4, 4, dtype=torch.float64)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8, CLASSES)
    ).double()
    objective = nogd.objective(module, images, data()[1], loss="cross-entropy")
    assert "Conv2d" in (build(name).supports(objective) or "")
    module[0].requires_grad_(False)
    objective = nogd.objective(module, images, data()[1], loss="cross-entropy")
    assert build(name).supports(objective) is None
    learner = build(name)
    learner.step(objective, learner.init(objective, objective.space.read(module).clone(), torch.Generator()))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Every learner of layers, and random search, on two tasks."""
    experiment = {
        "learners": [*LAYERED, "random-search"],
        "tasks": ["wine", "digits"],
        "repetitions": 1,
        "budget": {"forwards": 600},
    }
    results = nogd.run(experiment, out=tmp_path_factory.mktemp("runs"), jobs=0, progress=False)
    return results.runs.set_index(["learner", "task"])


@every_layered
@pytest.mark.parametrize(("task", "least"), [("wine", 0.85), ("digits", 0.8)])
def test_it_learns_far_above_chance_and_random_search(name, task, least, runs):
    run, other = runs.loc[(name, task)], runs.loc[("random-search", task)]
    assert run["status"] == "budget"
    assert run["test_metric"] > least
    assert run["loss"] < 0.5 * other["loss"]
