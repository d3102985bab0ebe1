"""scipy as learners: the same points as scipy by itself, whole budgets, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from nogd_scipy.differential_evolution import DifferentialEvolution
from nogd_scipy.least_squares import LeastSquares
from nogd_scipy.minimize import LARGEST, Minimize
from scipy import optimize
from torch import Generator, nn

import nogd
from nogd.engine.state import from_bytes, to_bytes

METHODS = ("powell", "nelder-mead", "cobyla", "cobyqa")
START = (1.0, -2.0, 0.5)


class Point(nn.Module):
    """A place, and nothing else."""

    def __init__(self, *place):
        super().__init__()
        self.place = nn.Parameter(torch.tensor(place, dtype=torch.float64))


def ellipsoid(x):
    return float((np.asarray(x) ** 2 * np.logspace(0, 2, len(x))).sum())


def fit(learner, budget, seen=None, **more):
    def score(module):
        place = module.place.detach().numpy().copy()
        if seen is not None:
            seen.append(place)
        return ellipsoid(place)

    return nogd.minimize(Point(*START), score, learner=learner, budget=budget, **more)


def curve(activation=nn.Tanh):
    """A network of 13 parameters in float64, and data."""
    rng = Generator().manual_seed(0)
    inputs = torch.randn(30, 2, generator=rng, dtype=torch.float64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(2, 3), activation(), nn.Linear(3, 1)).double()
    return module, inputs, torch.sin(inputs.sum(1, keepdim=True))


@pytest.mark.parametrize("method", METHODS)
def test_minimize_asks_for_the_points_that_scipy_would_by_itself(method):
    learner, seen, asked = Minimize(method=method), [], []
    run = fit(learner, 5_000, seen)

    def alone(x):
        asked.append(x.copy())
        return ellipsoid(x)

    found = optimize.minimize(alone, START, method=method, options=learner._options(np.array(START)))
    assert run.status == "ok"
    assert run.reason == found.message
    assert run.loss == pytest.approx(found.fun, rel=1e-9)
    assert np.array_equal(np.array(seen), np.array(asked))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_solves_an_ellipsoid_from_its_first_step(method):
    run = fit(f"scipy-minimize,method={method},sigma=0.5", 600)
    assert run.loss < 1e-3 < ellipsoid(START)  # cobyla ends with a radius of 1e-4


def test_too_many_parameters_are_refused():
    wide = nogd.objective(
        nn.Linear(LARGEST + 1, 1, bias=False), torch.zeros(1, LARGEST + 1), torch.zeros(1, 1)
    )
    assert "one-plus-one-es" in (Minimize().supports(wide) or "")


def test_differential_evolution_is_scipys():
    module, inputs, targets = curve()
    learner = DifferentialEvolution(population=8)
    objective = nogd.objective(module, inputs, targets, bounds=(-2.0, 2.0))
    theta = objective.space.read(module).clone()
    state = learner.init(objective, theta.clone(), Generator().manual_seed(1))
    for _ in range(3):
        learner.step(objective, state)
    drawn, asked = np.random.default_rng(state.seed), []
    first = drawn.uniform(-2, 2, (8, len(theta)))
    first[0] = theta.numpy()

    def alone(columns):
        losses = other.losses(nogd.Population(torch.from_numpy(columns.T.copy())))
        asked.extend(losses.tolist())
        return losses.numpy()

    other = nogd.objective(module, inputs, targets)
    optimize.differential_evolution(
        alone,
        [(-2, 2)] * len(theta),
        mutation=0.7,
        recombination=0.7,
        init=first,
        maxiter=len(state.losses) // 8 - 1,
        tol=0,
        polish=False,
        updating="deferred",
        vectorized=True,
        rng=drawn,
    )
    assert len(state.losses) >= 64 + 128 + 256
    assert np.allclose(state.losses, asked[: len(state.losses)], rtol=1e-12)
    assert state.best == min(state.losses)


def test_differential_evolution_spends_a_budget_that_is_no_whole_generation():
    run = fit("scipy-de,population=8", 100)
    assert (run.status, run.meter.forwards) == ("budget", 100)
    assert run.loss < ellipsoid(START)


def test_least_squares_is_scipys():
    module, inputs, targets = curve()
    learner = LeastSquares(trials=6, probe=1e-5)
    objective = nogd.objective(module, inputs, targets)
    theta = objective.space.read(module).clone()
    state = learner.init(objective, theta.clone(), Generator())
    learner.step(objective, state)

    def residuals(x):
        return (objective.outputs(nogd.Population(torch.from_numpy(x)[None]))[0] - targets).flatten().numpy()

    alone = optimize.least_squares(residuals, theta.numpy(), method="trf", max_nfev=6, diff_step=1e-7)
    assert alone.cost * 2 / 30 < 0.5 * float((residuals(theta.numpy()) ** 2).mean())
    assert state.best == pytest.approx(alone.cost * 2 / 30, rel=1e-2)


def test_least_squares_costs_what_it_asks_for():
    module, inputs, targets = curve()
    learner = LeastSquares(trials=5)
    objective = nogd.objective(module, inputs, targets)
    state = learner.init(objective, objective.space.read(module).clone(), Generator())
    learner.step(objective, state)
    jacobian = 13 + 2 * 30 * 13**2 / objective.forward_flops
    jacobians = (objective.meter.forwards - 5) / jacobian
    assert jacobians == pytest.approx(round(jacobians), abs=1e-6)
    assert 2 <= round(jacobians) <= 5


def test_least_squares_fits_a_curve_much_better_than_random_search():
    runs = [
        nogd.fit(*curve(), learner=name, budget=1_500) for name in ("scipy-least-squares", "random-search")
    ]
    assert runs[0].loss < 0.1 * runs[1].loss


def test_least_squares_goes_on_from_a_checkpoint_as_if_it_had_not_stopped():
    module, inputs, targets = curve()
    learner = LeastSquares(trials=3)
    first, second = (nogd.objective(module, inputs, targets) for _ in range(2))
    state = learner.init(first, first.space.read(module).clone(), Generator())
    learner.step(first, state)
    resumed = from_bytes(to_bytes(state))
    learner.step(first, state)
    learner.step(second, resumed)
    assert to_bytes(resumed) == to_bytes(state)


@pytest.mark.parametrize("loss", ["huber", "mae"])
def test_least_squares_refuses_other_losses(loss):
    module, inputs, targets = curve()
    assert "mean squared error" in (
        LeastSquares().supports(nogd.objective(module, inputs, targets, loss=loss)) or ""
    )
    assert LeastSquares().supports(nogd.objective(module, inputs, targets)) is None


def test_least_squares_refuses_a_jacobian_that_is_too_large(monkeypatch):
    monkeypatch.setattr("nogd_scipy.least_squares.LARGEST", 13 * 30 * 8 - 1)
    assert "GiB" in (LeastSquares().supports(nogd.objective(*curve())) or "")
    monkeypatch.setattr("nogd_scipy.least_squares.LARGEST", 13 * 30 * 8)
    assert LeastSquares().supports(nogd.objective(*curve())) is None
