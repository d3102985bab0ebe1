"""CMA-ES: its update written out slowly, each known trap, rotation, and restarts with growing populations."""

from __future__ import annotations

import math
import statistics

import pytest
import torch
from driving import begin, evaluations, fit, objective, uniform
from valleys import ellipsoid, rastrigin, rosenbrock, rotated, sphere

from nogd.training.names import build
from nogd_evolution.cma_es import CmaEs
from nogd_evolution.helpers import recombination


def table_1(D, count):
    """Weights and rates, as table 1 of the tutorial writes them."""
    mu = count // 2
    raw = [math.log((count + 1) / 2) - math.log(i) for i in range(1, count + 1)]
    mueff = sum(raw[:mu]) ** 2 / sum(w**2 for w in raw[:mu])
    mueff_minus = sum(raw[mu:]) ** 2 / sum(w**2 for w in raw[mu:])
    c1 = 2 / ((D + 1.3) ** 2 + mueff)
    cmu = min(1 - c1, 2 * (1 / 4 + mueff + 1 / mueff - 2) / ((D + 2) ** 2 + 2 * mueff / 2))
    alphas = 1 + c1 / cmu, 1 + 2 * mueff_minus / (mueff + 2), (1 - c1 - cmu) / (D * cmu)
    plus, minus = sum(w for w in raw if w > 0), -sum(w for w in raw if w < 0)
    weights = [w / plus if w >= 0 else min(alphas) / minus * w for w in raw]
    cs, cc = (mueff + 2) / (D + mueff + 5), (4 + mueff / D) / (D + 4 + 2 * mueff / D)
    ds = 1 + 2 * max(0, math.sqrt((mueff - 1) / (D + 1)) - 1) + cs
    return weights, mueff, c1, cmu, cs, cc, ds


class Slow:
    """The tutorial's algorithm, candidate by candidate, with eigenvectors renewed in every step."""

    def __init__(self, mean, sigma):
        D = len(mean)
        self.mean, self.sigma, self.C = mean, sigma, torch.eye(D, dtype=mean.dtype)
        self.p_sigma = self.p_c = torch.zeros(D, dtype=mean.dtype)
        self.B, self.d = self.C.clone(), torch.ones(D, dtype=mean.dtype)
        self.g = 0

    def step(self, noise, landscape):
        D = len(self.mean)
        weights, mueff, c1, cmu, cs, cc, ds = table_1(D, len(noise))
        ys = [self.B @ (self.d * z) for z in noise]
        losses = [landscape(self.mean + self.sigma * y).item() for y in ys]
        ys = [ys[k] for k in sorted(range(len(ys)), key=lambda k: losses[k])]
        mu = len(noise) // 2
        y_w = sum(w * y for w, y in zip(weights[:mu], ys[:mu], strict=True))
        root = self.B @ torch.diag(1 / self.d) @ self.B.T
        self.mean = self.mean + self.sigma * y_w
        self.p_sigma = (1 - cs) * self.p_sigma + math.sqrt(cs * (2 - cs) * mueff) * root @ y_w
        chi = math.sqrt(D) * (1 - 1 / (4 * D) + 1 / (21 * D**2))
        self.g += 1
        normed = self.p_sigma.norm().item() / math.sqrt(1 - (1 - cs) ** (2 * self.g))
        h = 1 if normed < (1.4 + 2 / (D + 1)) * chi else 0
        self.p_c = (1 - cc) * self.p_c + h * math.sqrt(cc * (2 - cc) * mueff) * y_w
        self.C = (1 + c1 * (1 - h) * cc * (2 - cc) - c1 - cmu * sum(weights)) * self.C
        self.C = self.C + c1 * torch.outer(self.p_c, self.p_c)
        for w, y in zip(weights, ys, strict=True):
            w_o = w if w >= 0 else w * D / (root @ y).norm().item() ** 2
            self.C = self.C + cmu * w_o * torch.outer(y, y)
        self.sigma *= math.exp(cs / ds * (self.p_sigma.norm().item() / chi - 1))
        values, self.B = torch.linalg.eigh(self.C)
        self.d = values.sqrt()
        return h


def test_steps_are_the_tutorials_written_out():
    """30 of them, in some of which the path is so long that the shape does not follow."""
    learner = CmaEs(sigma=0.05)
    landscape = rotated(ellipsoid, 5)
    start = uniform(5, 4.0, 0)
    the_objective, state = begin(learner, landscape, *start, seed=3)
    slow, twin, followed = Slow(state.theta.clone(), 0.05), torch.Generator(), set()
    for _ in range(30):
        twin.set_state(state.rng.get_state())
        noise = torch.empty(8, 5, dtype=torch.float64).normal_(generator=twin)
        state.axes, state.lengths = slow.B, slow.d  # whose signs are anybody's choice
        followed.add(slow.step(noise, landscape))
        learner.step(the_objective, state)
        torch.testing.assert_close(state.theta, slow.mean, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(state.covariance, slow.C, rtol=1e-8, atol=1e-8)
        assert 0.05 * state.step == pytest.approx(slow.sigma, rel=1e-9)
    assert followed == {0, 1}


@pytest.mark.parametrize(("D", "count"), [(1, 4), (2, 6), (10, 10), (40, 15), (300, 21), (10, 200)])
def test_negative_weights_leave_the_covariance_positive_definite(D, count):
    """They take no more than the decay leaves, with the very rates in use, whatever the candidates are."""
    rates = recombination(D, count)
    negative = -sum(weight for weight in rates.weights if weight < 0)
    assert sum(weight for weight in rates.weights if weight > 0) == pytest.approx(1)
    assert D * rates.many * negative <= (1 - rates.one - rates.many) * (1 + 1e-12)


def test_the_covariance_stays_positive_definite_where_eigenvectors_are_renewed_seldom():
    """From some 90 parameters on an update that forgets the length of a bad candidate's noise breaks it."""
    learner = CmaEs()
    the_objective, state = begin(learner, ellipsoid, *uniform(120, 4.0, 0))
    renewed = 0
    for _ in range(200):
        learner.step(the_objective, state)
        renewed += state.stale == 0
        assert torch.linalg.eigvalsh(state.covariance)[0] > 0
    assert 0 < renewed < 100


@pytest.mark.parametrize(("D", "expected"), [(2, (400, 500)), (5, (1_300, 1_600))])
def test_it_goes_the_same_way_however_the_coordinates_are_turned(D, expected):
    for landscape in (ellipsoid, rotated(ellipsoid, D)):
        needed = [
            evaluations("cma-es,sigma=2", landscape, uniform(D, 4.0, seed), 4_000, seed) for seed in range(5)
        ]
        assert expected[0] < statistics.median(needed) < expected[1]


def test_a_bad_candidate_with_a_loss_that_is_not_a_number_ranks_last():
    learner = CmaEs(population=4, sigma=1.0)
    the_objective, state = begin(learner, sphere, 0.0, 0.0)
    ranked = []
    learn, losses = CmaEs.learn, torch.tensor([3.0, math.inf, 1.0, 2.0])

    def seen(self, state, noise, losses):
        ranked.extend(losses.tolist())
        learn(self, state, noise, losses)

    the_objective.losses = lambda candidates, rows=None: losses
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CmaEs, "learn", seen)
        learner.step(the_objective, state)
    assert ranked == [1.0, 2.0, 3.0, math.inf]
    assert state.theta.isfinite().all()


def test_it_ends_in_a_local_minimum_with_the_reason():
    run = fit("cma-es,sigma=0.1", rastrigin, (3.1, 2.9), 3_000)
    assert run.status == "ok"
    assert run.loss == pytest.approx(17.9, abs=0.1)


@pytest.mark.parametrize("scheme", ["ipop", "bipop"])
def test_restarts_with_growing_populations_solve_rastrigin(scheme):
    """A single run seldom does; it takes a population of some 100, which the fifth run has."""
    starts = [(uniform(5, 4.0, seed), seed) for seed in range(3)]
    alone = [evaluations("cma-es,sigma=2", rastrigin, start, 100_000, seed) for start, seed in starts]
    again = [
        evaluations(f"restarts(cma-es,sigma=2),scheme={scheme}", rastrigin, start, 100_000, seed)
        for start, seed in starts
    ]
    assert max(alone) == math.inf
    assert max(again) < math.inf


def test_it_goes_round_a_bend():
    assert evaluations("cma-es,sigma=0.5", rosenbrock, (-1.2, 1.0, 1.0, 1.0), 3_000) < 3_000


def test_too_many_parameters_are_refused_with_the_name_of_one_that_takes_them():
    refusal = build("cma-es").supports(objective(sphere, *[0.0] * 1_001))
    assert refusal is not None
    assert "1,000 are the most; sep-cma-es" in refusal
