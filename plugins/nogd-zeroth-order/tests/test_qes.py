"""Quantised evolution strategies: the lattice, its ends, and what rounding takes away."""

from __future__ import annotations

import math

import pytest
import torch
from landscapes import FLOOR, objective
from nogd_zeroth_order.qes import Qes, standardised
from torch import Generator, nn

import nogd

START = torch.tensor([0.2, -0.4, 1.0, 0.0, 2.7], dtype=torch.float64)


class Stepped(nn.Module):
    """Weights that the network rounds and cuts off at 2."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 5, dtype=torch.float64))

    def forward(self, inputs):
        return inputs @ self.weight.round().clamp(-2, 2).T


def begin(learner, landscape, bounds=(-5.0, 5.0), seed=0):
    made = objective(landscape, START)
    made.space = type(made.space)(made.module, bounds)
    return made, learner.init(made, START.clone(), Generator().manual_seed(seed))


def far(theta):
    return (theta - FLOOR).abs().sum()


def rounded(row, chances):
    """Up with a probability of how far it is to there."""
    each = [math.floor(x) + (r < x - math.floor(x)) for x, r in zip(row, chances, strict=True)]
    return torch.tensor(each, dtype=torch.float64)


def test_the_update_written_out():
    learner = Qes(population=6, sigma=0.4, bias_spacing=0.5, lr=0.7, decay=0.8)
    made, state = begin(learner, far)
    rng = Generator().manual_seed(0)
    codes = (START / 0.5).round()
    e = torch.empty_like(START).uniform_(-0.5, 0.5, generator=rng)
    for _ in range(4):
        learner.step(made, state)
        z = torch.empty(3, 5, dtype=torch.float64).normal_(generator=rng) * 0.4
        u = torch.rand(3, 5, generator=rng, dtype=torch.float64)
        deltas = [rounded(row, chances) for row, chances in zip(z.tolist(), u.tolist(), strict=True)]
        deltas += [-d for d in deltas]
        F = torch.stack([-far((codes + d) * 0.5) for d in deltas])
        F = (F - F.mean()) / ((F - F.mean()) ** 2).mean().sqrt()
        g = sum(f.clamp(-3, 3) * d for f, d in zip(F, deltas, strict=True)) / 0.4 / 6
        wanted = 0.7 * g + 0.8 * e
        codes, e = codes + wanted.round(), (wanted - wanted.round()).clamp(-1.5, 1.5)
        assert state.theta.allclose(codes * 0.5)
        assert state.rest.allclose(e)


def test_moves_far_below_half_a_unit_add_up_and_without_the_rest_every_one_of_them_is_lost():
    """The trap that the paper is about."""

    def moved(decay):
        learner = Qes(population=8, bias_spacing=1.0, sigma=0.5, lr=0.02, decay=decay)
        made, state = begin(learner, lambda theta: theta.sum(), (-1_000.0, 1_000.0))
        state.rest.zero_()
        start = state.codes.clone()
        for _ in range(300):
            learner.step(made, state)
        return float((state.codes - start).sum())

    assert moved(0.0) == 0
    assert moved(1.0) < -10


def test_theta_stays_on_the_lattice_and_in_the_box():
    learner = Qes(population=8, sigma=2.0, lr=3.0, bias_spacing=0.5)
    made, state = begin(learner, lambda theta: -theta.sum(), (-1.2, 1.2))
    asked, original = [], made.losses
    made.losses = lambda candidates, rows=None: asked.append(candidates.dense()) or original(candidates, rows)
    for _ in range(60):
        learner.step(made, state)
        assert (state.theta / 0.5).equal((state.theta / 0.5).round())
    assert torch.cat(asked).abs().max() <= 1.0
    assert state.theta.tolist() == [1.0] * 5


def test_what_is_wanted_beyond_the_box_does_not_pile_up():
    learner = Qes(population=8, lr=1.0, bias_spacing=1.0, decay=1.0)
    made, state = begin(learner, lambda theta: -theta.sum(), (-1.0, 1.0))
    for _ in range(100):
        learner.step(made, state)
    assert state.rest.abs().max() <= 1.5


def test_pairs_are_mirrored_where_both_sides_are_in_the_box():
    learner = Qes(population=8, sigma=1.0, bias_spacing=1.0)
    _, state = begin(learner, far)
    noise = learner._noise(state, 4)
    assert noise[:4].equal(-noise[4:])
    assert noise.equal(noise.round())


@pytest.mark.parametrize("seed", range(3))
def test_it_finds_the_weights_of_a_rounded_network(seed):
    inputs = torch.randn(60, 5, generator=Generator().manual_seed(1), dtype=torch.float64)
    targets = inputs @ torch.tensor([[2.0], [-1.0], [0.0], [1.0], [-2.0]], dtype=torch.float64)
    run = nogd.fit(Stepped(), inputs, targets, learner="qes", budget=2_000, bounds=(-2.4, 2.4), seed=seed)
    assert run.curve["loss"].min() < 1.1
    assert run.curve["loss"].iloc[0] > 8


def test_losses_are_standardised():
    found = standardised(torch.tensor([1.0, 3.0, math.inf, 2.0]))
    assert found.tolist() == pytest.approx([-1.5076, 0.9045, 0.9045, -0.3015], abs=1e-3)
    assert standardised(torch.ones(4)).tolist() == [0.0] * 4
    outlier = torch.zeros(40)
    outlier[0] = 1e9
    assert standardised(outlier).max() == 3.0
