"""MeZO never holds a second theta, counted by the tensors that are alive while it takes a step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import nogd
from nogd.testing import HeldTensors
from nogd.training.names import build

WIDTH, DEPTH = 300, 16


class Residual(nn.Module):
    """No chain: nogd calls it, with each candidate written out."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)])

    def forward(self, x):
        for layer in self.layers:
            x = x + layer(x).relu()
        return x


def stack():
    return nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)))


def most_alive(name, make=stack):
    """In units of theta, during the third step."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = make()
    inputs = torch.ones(4, WIDTH)
    made = nogd.objective(module, inputs, inputs)
    learner = build(f"{name},lr=1e-6,population=2")
    state = learner.init(made, made.space.read(module), torch.Generator().manual_seed(0))
    for _ in range(2):
        learner.step(made, state)
    with HeldTensors() as held:
        learner.step(made, state)
    return held.most / (4 * made.D)


def test_mezo_holds_no_second_theta():
    assert most_alive("mezo") < 0.6


def test_zo_sgd_does():
    """What the test above could find."""
    assert most_alive("zo-sgd") > 1.5


def test_lozo_holds_none_either():
    assert most_alive("lozo") < 0.6


@pytest.mark.parametrize("learner", ["mezo", "lozo"])
def test_a_module_that_is_called_holds_the_candidates_itself(learner):
    assert most_alive(learner, Residual) < 0.6


@pytest.mark.parametrize(
    ("learner", "make"), [(learner, make) for learner in ("mezo", "lozo") for make in (stack, Residual)]
)
def test_a_whole_run_holds_theta_the_last_good_one_and_the_private_module(learner, make):
    module, inputs = make(), torch.ones(4, WIDTH)
    with HeldTensors() as held:
        nogd.fit(module, inputs, inputs, learner=learner, lr=1e-12, budget=20, progress=False)
    assert 3 <= held.most / sum(p.numel() * 4 for p in module.parameters()) < 3.6


def test_theta_itself_is_never_perturbed():
    module, inputs = nn.Linear(3, 2), torch.ones(4, 3)
    made = nogd.objective(module, inputs, torch.zeros(4, 2))
    learner = build("mezo")
    state = learner.init(made, made.space.read(module), torch.Generator().manual_seed(0))
    theta, versions = state.theta, []
    original = made.losses

    def losses(candidates, rows=None):
        before = theta.clone()
        found = original(candidates, rows)
        versions.append(bool(theta.equal(before)) and theta._version)
        return found

    made.losses = losses
    version = theta._version
    learner.step(made, state)
    assert versions == [version]
