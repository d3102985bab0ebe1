"""Learners that ask an object of a library: made again from the log, whole budgets, losses that are not finite."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Generator, nn

import nogd
from nogd.engine.accounts.meter import Limit
from nogd.engine.state import from_bytes, to_bytes

pytestmark = pytest.mark.any_version


class Library:
    """Draws points around the best so far."""

    def __init__(self, theta, seed):
        self.best, self.loss, self.rng = theta, math.inf, np.random.default_rng(seed)
        self.heard = []

    def ask(self):
        return self.best + 0.3 * self.rng.standard_normal((5, len(self.best)))

    def tell(self, points, losses):
        self.heard.append(losses)
        if losses.min() < self.loss:
            self.best, self.loss = points[losses.argmin()], losses.min()


class Asked(nogd.LibraryAskTell):
    name: ClassVar[str] = "test-asked"
    made: ClassVar[list] = []

    def make(self, space, theta, seed):
        self.made.append(Library(theta, seed))
        return self.made[-1]

    def ask(self, library):
        return library.ask()

    def tell(self, library, points, losses):
        library.tell(points, losses)
        return "it is low enough" if library.loss < 1e-3 else None


class Unseeded(Asked):
    name: ClassVar[str] = "test-unseeded"

    def make(self, space, theta, seed):
        return Library(theta, None)


@pytest.fixture(autouse=True)
def _nothing_made():
    Asked.made.clear()


def objective():
    module = nn.Linear(2, 1, dtype=torch.float64)
    nn.init.constant_(module.weight, 2.0)
    nn.init.constant_(module.bias, 0.0)
    return nogd.objective(module, torch.eye(2, dtype=torch.float64), torch.zeros(2, 1, dtype=torch.float64))


def begin(learner):
    the_objective = objective()
    theta = the_objective.space.read(the_objective.module).clone()
    return the_objective, learner.init(the_objective, theta, Generator().manual_seed(1))


def test_a_resumed_run_ends_as_an_unbroken_one():
    learner = Asked()
    unbroken, expected = begin(learner)
    for _ in range(4):
        learner.step(unbroken, expected)
    saved, meter = to_bytes(expected), to_bytes(unbroken.save())
    resumed, state = objective(), from_bytes(saved)
    resumed.restore(from_bytes(meter))
    for _ in range(3):
        learner.step(unbroken, expected)
        learner.step(resumed, state)
    assert to_bytes(state) == to_bytes(expected)
    assert resumed.meter.forwards == unbroken.meter.forwards == 1 + 7 * 5
    assert len(Asked.made) == 2  # the object is kept from step to step


def test_a_library_that_does_not_repeat_itself_is_found_out():
    learner = Unseeded()
    the_objective, state = begin(learner)
    learner.step(the_objective, state)
    state.library = None
    with pytest.raises(RuntimeError, match="test-unseeded asked for other points"):
        learner.step(the_objective, state)


@pytest.mark.parametrize("forwards", [1, 2, 6, 8])
def test_the_whole_budget_is_used_and_the_best_point_kept(forwards):
    module = nn.Linear(2, 1)
    run = nogd.fit(module, torch.eye(2), torch.zeros(2, 1), learner=Asked(), budget=forwards)
    assert (run.status, run.meter.forwards) == ("budget", forwards)
    assert run.loss == pytest.approx(run.curve["loss"].min())


def test_a_budget_that_ends_between_ask_and_tell_leaves_a_state_that_can_go_on():
    learner = Asked()
    the_objective, state = begin(learner)
    with the_objective.within(Limit(forwards=3), state):
        learner.step(the_objective, state)
    assert (state.library, state.told) == (None, [])
    other, expected = begin(learner)
    learner.step(the_objective, state)
    learner.step(other, expected)
    assert torch.equal(state.told[0], expected.told[0])


def test_the_library_is_told_a_finite_number_in_place_of_an_infinite_loss():
    module = nn.Linear(1, 1)
    nogd.minimize(module, lambda module: math.nan, learner=Asked(), budget=6)
    assert (Asked.made[0].heard[0] == Asked.WORST).all()


def test_its_reason_to_stop_ends_the_run():
    the_objective = nn.Linear(1, 1, bias=False)
    nn.init.constant_(the_objective.weight, 0.5)
    run = nogd.minimize(
        the_objective, lambda module: float(module.weight.square().sum()), learner=Asked(), budget=10_000
    )
    assert (run.status, run.reason) == ("ok", "it is low enough")
