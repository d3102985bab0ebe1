"""Nevergrad as a learner: the same candidates as Nevergrad by itself, resuming, and what it refuses."""

from __future__ import annotations

from typing import get_args

import nevergrad as ng
import numpy as np
import pytest
import torch
from nogd_nevergrad.nevergrad import LARGEST, Nevergrad
from torch import Generator, nn

import nogd
from nogd.engine.state import from_bytes, to_bytes

OPTIMIZERS = get_args(Nevergrad.model_fields["optimizer"].annotation)
START = (1.0, -2.0, 0.5)


def objective(features=3):
    module = nn.Linear(features, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        module.weight.copy_(torch.tensor(START).repeat(features)[:features])
    eye = torch.eye(features, dtype=torch.float64)
    return nogd.objective(module, eye, torch.zeros(features, 1, dtype=torch.float64))


def begin(learner):
    made = objective()
    return made, learner.init(made, made.space.read(made.module).clone(), Generator().manual_seed(2))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_asks_for_the_candidates_that_nevergrad_would_by_itself(optimizer):
    learner = Nevergrad(optimizer=optimizer, population=6)
    made, state = begin(learner)
    place = ng.p.Array(init=np.array(START)).set_mutation(sigma=0.3)
    place.random_state = np.random.RandomState(state.seed)
    alone = ng.optimizers.registry[optimizer](place, num_workers=6)
    for _ in range(10):
        candidates = [alone.ask() for _ in range(6)]
        losses = [float((candidate.value**2).mean()) for candidate in candidates]
        for candidate, loss in zip(candidates, losses, strict=True):
            alone.tell(candidate, loss)
        learner.step(made, state)
        assert np.allclose(state.told[-1], losses, rtol=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_resumed_run_ends_as_an_unbroken_one(optimizer):
    learner = Nevergrad(optimizer=optimizer, population=5)
    unbroken, expected = begin(learner)
    for _ in range(8):
        learner.step(unbroken, expected)
    resumed, state = objective(), from_bytes(to_bytes(expected))
    for _ in range(3):
        learner.step(unbroken, expected)
        learner.step(resumed, state)
    assert to_bytes(state) == to_bytes(expected)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_of_them_gets_near_a_minimum(optimizer):
    run = nogd.fit(
        nn.Linear(3, 1, bias=False),
        torch.eye(3),
        torch.full((3, 1), 0.7),
        learner=Nevergrad(optimizer=optimizer, population=6),
        budget=600,
    )
    assert run.loss < 0.05


def test_many_parameters_need_a_diagonal():
    wide = objective(LARGEST + 1)
    assert "DiagonalCMA" in (Nevergrad(optimizer="CMA").supports(wide) or "")
    assert Nevergrad(optimizer="DiagonalCMA").supports(wide) is None


def test_a_loss_that_nevergrad_would_warn_of_is_told_as_the_worst():
    run = nogd.minimize(nn.Linear(2, 1), lambda module: 1e30, learner="nevergrad,population=4", budget=20)
    assert run.meter.forwards == 20
