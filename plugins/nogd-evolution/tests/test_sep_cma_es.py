"""sep-CMA-ES: its update written out slowly, the factor of its rates, and what it cannot do by design."""

from __future__ import annotations

import math
import statistics

import pytest
import torch
from driving import begin, evaluations, uniform
from valleys import ellipsoid, rotated

from nogd_evolution.helpers import recombination
from nogd_evolution.sep_cma_es import SepCmaEs


def test_a_step_is_that_of_cma_es_with_the_diagonal_alone():
    learner = SepCmaEs(sigma=0.5, population=6)
    the_objective, state = begin(learner, ellipsoid, 1.0, -2.0, 0.5, seed=3)
    for _ in range(3):
        learner.step(the_objective, state)
    mean, variances, step = state.theta.clone(), state.variances.clone(), 0.5 * state.step
    step_path, shape_path = state.step_path.clone(), state.shape_path.clone()
    twin = torch.Generator()
    twin.set_state(state.rng.get_state())
    learner.step(the_objective, state)

    r = recombination(3, 6, separable=True)
    noise = torch.empty(6, 3, dtype=torch.float64).normal_(generator=twin)
    order = sorted(range(6), key=lambda k: ellipsoid(mean + step * variances.sqrt() * noise[k]).item())
    noise = noise[order]
    z = sum(w * each for w, each in zip(r.weights[:3], noise[:3], strict=True))
    y = variances.sqrt() * z
    step_path = (1 - r.path) * step_path + math.sqrt(r.path * (2 - r.path) * r.mass) * z
    shape_path = (1 - r.shape) * shape_path + math.sqrt(r.shape * (2 - r.shape) * r.mass) * y
    expected = (1 - r.one - r.many * sum(r.weights)) * variances + r.one * shape_path**2
    for w, each in zip(r.weights, noise, strict=True):
        even = 1 if w >= 0 else 3 / each.norm().item() ** 2
        expected = expected + r.many * w * even * variances * each**2
    torch.testing.assert_close(state.theta, mean + step * y)
    torch.testing.assert_close(state.variances, expected)
    length = step_path.norm().item() / (math.sqrt(3) * (1 - 1 / 12 + 1 / 189))
    assert 0.5 * state.step == pytest.approx(step * math.exp(r.path / r.damping * (length - 1)))


@pytest.mark.parametrize("D", [2, 10, 1_000])
def test_its_rates_are_those_of_cma_es_times_a_third_of_d_and_two(D):
    plain, separable = recombination(D, 12), recombination(D, 12, separable=True)
    assert separable.one == pytest.approx(plain.one * (D + 2) / 3)
    assert separable.many == pytest.approx(min(1 - separable.one, plain.many * (D + 2) / 3))


def test_variances_stay_positive_whatever_the_ranks_say():
    learner = SepCmaEs(population=40)
    the_objective, state = begin(learner, ellipsoid, *[1.0] * 5)
    the_objective.losses = lambda candidates, rows=None: candidates.thetas[:, 0].square()
    for _ in range(60):
        learner.step(the_objective, state)
        assert (state.variances > 0).all()


def test_it_learns_the_axes_of_an_ellipsoid_but_not_of_one_that_is_turned():
    starts = [(uniform(10, 4.0, seed), seed) for seed in range(5)]
    needed = [evaluations("sep-cma-es,sigma=2", ellipsoid, start, 8_000, seed) for start, seed in starts]
    assert statistics.median(needed) == pytest.approx(1_950, rel=0.1)
    start, seed = starts[0]
    assert math.isinf(evaluations("sep-cma-es,sigma=2", rotated(ellipsoid, 10), start, 8_000, seed))
