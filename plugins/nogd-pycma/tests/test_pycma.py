"""pycma as a learner: the same points as pycma by itself, and what it refuses."""

from __future__ import annotations

import cma
import numpy as np
import pytest
import torch
from nogd_pycma.pycma import LARGEST, Pycma
from torch import Generator, nn

import nogd
from nogd.engine.state import from_bytes, to_bytes

START = (1.0, -2.0, 0.5, 1.5)


class Point(nn.Module):
    """A place, and nothing else."""

    def __init__(self, *place):
        super().__init__()
        self.place = nn.Parameter(torch.tensor(place, dtype=torch.float64))


def ellipsoid(theta):
    return float((theta.square() * torch.logspace(0, 3, len(theta), dtype=torch.float64)).sum())


def objective(learner, score=ellipsoid):
    """An objective of four parameters, and the learner's first state."""
    module = nn.Linear(len(START), 1, bias=False, dtype=torch.float64)
    eye = torch.eye(len(START), dtype=torch.float64)
    made = nogd.objective(module, eye, torch.zeros(4, 1, dtype=torch.float64))
    theta = torch.tensor(START, dtype=torch.float64)
    return made, learner.init(made, theta, Generator().manual_seed(5))


@pytest.mark.parametrize(
    ("learner", "options"),
    [
        (Pycma(sigma=0.5), {}),
        (Pycma(sigma=0.5, population=12, diagonal=True), {"popsize": 12, "CMA_diagonal": True}),
        (Pycma(sigma=0.5, active=False), {"CMA_active": False}),
    ],
)
def test_it_asks_for_the_points_that_pycma_would_by_itself(learner, options):
    made, state = objective(learner)
    alone = cma.CMAEvolutionStrategy(
        START,
        0.5,
        {
            **options,
            "randn": np.random.RandomState(state.seed).randn,
            "seed": np.nan,
            "verbose": -9,
            "verb_log": 0,
        },
    )
    for _ in range(25):
        points = alone.ask()
        alone.tell(points, [float((point**2).mean()) for point in points])
        learner.step(made, state)
    assert np.allclose(state.library.mean, alone.mean, rtol=1e-9, atol=1e-12)
    assert np.allclose(state.library.sigma, alone.sigma, rtol=1e-9)


def test_it_solves_an_ellipsoid_and_says_why_it_ends():
    run = nogd.minimize(
        Point(*START), lambda module: ellipsoid(module.place.detach()), learner="pycma", budget=5_000
    )
    assert run.status == "ok"
    assert "tol" in run.reason
    assert run.loss < 1e-9


def test_a_resumed_run_ends_as_an_unbroken_one():
    learner = Pycma()
    unbroken, expected = objective(learner)
    for _ in range(30):
        learner.step(unbroken, expected)
    resumed, state = objective(learner)[0], from_bytes(to_bytes(expected))
    for _ in range(10):
        learner.step(unbroken, expected)
        learner.step(resumed, state)
    assert to_bytes(state) == to_bytes(expected)


def test_many_parameters_need_a_diagonal():
    wide = nogd.objective(
        nn.Linear(LARGEST + 1, 1, bias=False), torch.zeros(1, LARGEST + 1), torch.zeros(1, 1)
    )
    assert "diagonal=true" in (Pycma().supports(wide) or "")
    assert Pycma(diagonal=True).supports(wide) is None


def test_restarts_take_a_larger_population():
    run = nogd.minimize(
        Point(*START),
        lambda module: ellipsoid(module.place.detach()),
        learner="restarts(pycma)",
        budget=2_000,
    )
    assert (run.status, run.meter.forwards) == ("budget", 2_000)
