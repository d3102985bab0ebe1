"""The package's learners as optimizers of torch, in a loop on mini-batches."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nogd.optim import Optimizer
from nogd.training.names import build
from nogd_evolution import nogd_learners

# ars-v2 looks at what a network is shown, and a closure shows nothing of it.
NAMES = [lazy.name for lazy in nogd_learners() if lazy.name != "ars-v2"]
RATED = [name for name in NAMES if "lr" in type(build(name)).model_fields]
INPUTS = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))


def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def closure(module, number):
    """The loss on a mini-batch of its own."""
    batch = INPUTS[number % 4 * 10 :][:10]
    return lambda: F.mse_loss(module(batch), batch.prod(1, keepdim=True))


def theta_of(module):
    return nn.utils.parameters_to_vector(module.parameters()).detach()


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_one_goes_on_as_if_it_had_never_stopped(name):
    module, again = network(), network()
    made, other = Optimizer(module, name, seed=1), Optimizer(again, name, seed=2)
    for k in range(6):
        if k == 3:
            other.load_state_dict(made.state_dict())
            again.load_state_dict(module.state_dict())
        loss = made.step(closure(module, k))
        if k >= 3:
            assert other.step(closure(again, k)) == loss
    assert torch.equal(theta_of(again), theta_of(module))
    assert other.meter.evaluations == made.meter.evaluations >= 6


@pytest.mark.parametrize("name", RATED)
def test_a_scheduler_sets_the_rate_of_the_next_step(name):
    moved = {}
    for rate in (0.0, 0.05, 0.1):
        module = network()
        made = Optimizer(module, name, lr=0.1, seed=1)
        made.step(closure(module, 0))
        before = theta_of(module)
        made.param_groups[0]["lr"] = rate
        made.step(closure(module, 1))
        moved[rate] = float((theta_of(module) - before).norm())
    assert moved[0.0] < moved[0.05] < moved[0.1]
    assert moved[0.0] == 0 or name == "pgpe"  # which has momentum
