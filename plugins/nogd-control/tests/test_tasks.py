"""The tasks keep nogd's rules, and learners can work on them."""

from __future__ import annotations

import subprocess
import sys

import nogd_control
import pytest
import torch
from nogd_control.policies import Recurrent, feed_forward
from world import returns

from nogd.testing import parametrize_with_checks

TASKS = {lazy.name: lazy.load() for lazy in nogd_control.nogd_tasks()}


@parametrize_with_checks([*TASKS.values()])
def test_nogd_rules(task, check):
    check(task)


def test_listing_the_tasks_imports_nothing_heavy():
    code = "import nogd_control as n, sys; n.nogd_tasks(); print({'torch', 'numpy', 'pydantic'} & set(sys.modules))"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout == "set()\n"


def test_the_package_offers_what_its_classes_are_called():
    for lazy in nogd_control.nogd_tasks():
        assert lazy.load().name == lazy.name
        assert set(lazy.tags) == set(lazy.load().tags)


@pytest.mark.parametrize("name", TASKS)
def test_each_has_a_frozen_reference(name):
    frozen = TASKS[name]().reference
    assert frozen["learner"] == "random-search"
    assert frozen["constant"] == TASKS[name].constant
    assert frozen["test_metric"] == TASKS[name].solved


CHOICES = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    ("name", "outputs", "tolerance"),
    [
        ("pendulum", [[-0.1], [0.0], [0.1], [0.3], [1.0]], 25),
        ("acrobot", CHOICES, 0),
        ("mountain-car", CHOICES, 0),
        ("mountain-car-continuous", [[-1.0], [-0.1], [0.0], [0.1], [1.0]], 0),
    ],
)
def test_the_best_constant_action_is_worth_what_the_task_says(name, outputs, tolerance):
    found = returns(TASKS[name](), outputs, 2_000 if name == "pendulum" else 50)
    assert float(found.max()) == pytest.approx(TASKS[name].constant, abs=tolerance)


def test_a_reward_after_the_end_counts_for_nothing():
    """Full force to and fro gets the car out, at different times for each start."""
    task = TASKS["mountain-car-continuous"]()

    class Rocking:
        count, dtype = 1, torch.float32

        def __call__(self, seen, running):
            return torch.where(seen[..., 1:] >= 0, 1.0, -1.0)

    found = task.rollout(Rocking(), torch.arange(20))
    assert (found > 80).all()
    assert len(found.unique()) > 1


def test_networks_have_the_shapes_that_they_are_asked_for():
    network = feed_forward(3, 2, width=5, depth=2)
    assert [tuple(p.shape) for p in network.parameters()] == [(5, 3), (5,), (5, 5), (5,), (2, 5), (2,)]
    assert network(torch.ones(4, 3)).shape == (4, 2)
    assert [tuple(p.shape) for p in feed_forward(3, 2, width=5, depth=0).parameters()] == [(2, 3), (2,)]


def test_a_recurrent_unit_sees_the_step_before():
    torch.manual_seed(0)
    network = Recurrent(2, 3)
    inputs, memory = torch.randn(4, 2), torch.randn(4, 3)
    outputs, after = (each.detach() for each in network(inputs, memory))
    weight, bias = network.cell.weight.detach(), network.cell.bias.detach()
    for n in range(4):
        expected = [
            float(torch.tanh(weight[u, :2] @ inputs[n] + weight[u, 2:] @ memory[n] + bias[u]))
            for u in range(3)
        ]
        assert after[n].tolist() == pytest.approx(expected, abs=1e-6)
        assert outputs[n].tolist() == pytest.approx(expected[:1], abs=1e-6)
