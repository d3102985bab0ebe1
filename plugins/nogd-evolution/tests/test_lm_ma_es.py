"""LM-MA-ES: its update written out slowly, few parameters, and long valleys that are turned."""

from __future__ import annotations

import math

import pytest
import torch
from driving import begin, evaluations, objective, uniform
from valleys import cigar, rotated, sphere

from nogd_evolution.lm_ma_es import LmMaEs


class Slow:
    """Algorithm 2 of the paper, candidate by candidate."""

    def __init__(self, mean, sigma):
        self.mean, self.sigma, D = mean, sigma, len(mean)
        self.p = torch.zeros(D, dtype=mean.dtype)
        self.count = 4 + math.floor(3 * math.log(D))
        self.m = [torch.zeros(D, dtype=mean.dtype) for _ in range(self.count)]
        self.t = 0

    def step(self, noise, landscape):
        D, lam = len(self.mean), self.count
        ds = []
        for z in noise:
            d = z
            for j in range(min(self.t, len(self.m))):
                c_d = 1 / (1.5**j * D)
                d = (1 - c_d) * d + c_d * self.m[j] * (self.m[j] @ d)
            ds.append(d)
        losses = [landscape(self.mean + self.sigma * d).item() for d in ds]
        order = sorted(range(lam), key=lambda k: losses[k])[: lam // 2]
        raw = [math.log(lam // 2 + 0.5) - math.log(i) for i in range(1, lam // 2 + 1)]
        weights = [w / sum(raw) for w in raw]
        mu_w = 1 / sum(w**2 for w in weights)
        z_w = sum(w * noise[k] for w, k in zip(weights, order, strict=True))
        self.mean = self.mean + self.sigma * sum(w * ds[k] for w, k in zip(weights, order, strict=True))
        c_s = 2 * lam / D
        self.p = (1 - c_s) * self.p + math.sqrt(mu_w * c_s * (2 - c_s)) * z_w
        for i, m in enumerate(self.m):
            c_c = lam / (4**i * D)
            self.m[i] = (1 - c_c) * m + math.sqrt(mu_w * c_c * (2 - c_c)) * z_w
        self.sigma *= math.exp(c_s / 2 * (self.p.square().sum().item() / D - 1))
        self.t += 1


def test_steps_are_the_papers_written_out():
    learner = LmMaEs(sigma=0.5)
    landscape = rotated(cigar, 50)
    the_objective, state = begin(learner, landscape, *uniform(50, 4.0, 0), seed=3)
    slow, twin = Slow(state.theta.clone(), 0.5), torch.Generator()
    for _ in range(20):
        twin.set_state(state.rng.get_state())
        noise = torch.empty(15, 50, dtype=torch.float64).normal_(generator=twin)
        slow.step(noise, landscape)
        learner.step(the_objective, state)
        torch.testing.assert_close(state.theta, slow.mean, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(state.directions, torch.stack(slow.m), rtol=1e-9, atol=1e-9)
        assert 0.5 * state.step == pytest.approx(slow.sigma, rel=1e-9)


@pytest.mark.parametrize("D", [2, 5, 10])
def test_few_parameters_where_the_papers_rates_exceed_1_are_no_trouble(D):
    assert evaluations("lm-ma-es,sigma=2", sphere, uniform(D, 4.0, 0), 4_000) < 4_000


def test_a_single_parameter_is_refused_with_the_name_of_one_that_takes_it():
    assert (LmMaEs().supports(objective(sphere, 1.0)) or "").endswith("snes takes one")
    assert LmMaEs().supports(objective(sphere, 1.0, 1.0)) is None


def test_the_directions_take_the_room_of_a_population():
    _, state = begin(LmMaEs(), sphere, *[1.0] * 100)
    assert state.directions.shape == (17, 100)
