"""MeZO never holds a second theta, counted by the tensors that are alive while it takes a step."""

from __future__ import annotations

import weakref

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import nogd
from nogd.training.names import build

WIDTH, DEPTH = 300, 16


class Alive(TorchDispatchMode):
    """Counts the numbers in tensors that were made within and are still alive; `most` at any time."""

    def __init__(self):
        super().__init__()
        self.most, self._before, self._made = 0, set(), []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        known = {place for place, _ in self._alive()}
        for given in tree_leaves((args, kwargs or {})):
            if isinstance(given, torch.Tensor) and place_of(given) not in known:
                self._before.add(place_of(given))
        result = func(*args, **(kwargs or {}))
        self._made += [weakref.ref(each) for each in tree_leaves(result) if isinstance(each, torch.Tensor)]
        self.most = max(self.most, sum(size for place, size in self._alive() if place not in self._before))
        return result

    def _alive(self):
        alive = [tensor for made in self._made if (tensor := made()) is not None]
        self._made = [weakref.ref(tensor) for tensor in alive]
        return {(place_of(t), t.untyped_storage().nbytes() // t.element_size()) for t in alive}


def place_of(tensor):
    return tensor.untyped_storage().data_ptr()


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
    with Alive() as alive:
        learner.step(made, state)
    return alive.most / made.D


def test_mezo_holds_no_second_theta():
    assert most_alive("mezo") < 0.6


def test_zo_sgd_does():
    """What the test above could find."""
    assert most_alive("zo-sgd") > 1.5


def test_lozo_holds_none_either():
    assert most_alive("lozo") < 0.6


def test_where_candidates_are_written_out_mezo_holds_one_at_a_time():
    assert most_alive("mezo", Residual) < 1.3


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
