"""EGGROLL: its update written out slowly, the scale of moves at every rank, and what it never writes out."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from driving import begin, fit, uniform
from pydantic import ValidationError
from slowly import answer, normal, twin
from torch import nn
from valleys import sphere

import nogd
from nogd_evolution.eggroll import EggRoll


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double()


def data():
    rng = torch.Generator().manual_seed(1)
    return (torch.randn(20, size, dtype=torch.float64, generator=rng) for size in (3, 2))


def begun(learner):
    module, (inputs, targets) = network(), data()
    the_objective = nogd.objective(module, inputs, targets)
    theta = the_objective.space.read(module)
    return the_objective, learner.init(the_objective, theta, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("rank", [1, 3])
def test_a_step_is_the_papers_update_written_out(rank):
    learner = EggRoll(sigma=0.2, population=6, rank=rank, lr=0.7)
    the_objective, state = begun(learner)
    rng, noises = twin(state), []
    for shape in ((5, 3), (5,), (2, 5), (2,)):
        if len(shape) == 1:
            noises.append(normal(rng, 3, *shape))
        else:
            left, right = normal(rng, 3, shape[0], rank), normal(rng, 3, shape[1], rank)
            noises.append(torch.stack([a @ b.T / math.sqrt(rank) for a, b in zip(left, right, strict=True)]))
    before = [p.detach().clone() for p in network().parameters()]
    learner.step(the_objective, state)

    inputs, targets = data()
    losses = []
    for k in range(6):
        module, sign = copy.deepcopy(network()), 1 if k < 3 else -1
        with torch.no_grad():
            for p, noise in zip(module.parameters(), noises, strict=True):
                p.add_(0.2 * sign * noise[k % 3])
        losses.append((module(inputs) - targets).square().mean().item())
    mean = sum(losses) / 6
    deviation = math.sqrt(sum((loss - mean) ** 2 for loss in losses) / 6)
    scores = [(mean - loss) / deviation for loss in losses]
    expected = [
        p + 0.7 * 0.2 / 6 * sum(scores[k] * (1 if k < 3 else -1) * noise[k % 3] for k in range(6))
        for p, noise in zip(before, noises, strict=True)
    ]
    assert state.theta.tolist() == pytest.approx(
        torch.cat([e.flatten() for e in expected]).tolist(), rel=1e-9
    )


@pytest.mark.parametrize("rank", [1, 4])
def test_every_parameter_moves_with_a_deviation_of_sigma_biases_too(rank):
    learner = EggRoll(sigma=0.2, population=20_000, rank=rank)
    _, state = begun(learner)
    moves = learner.ask(state).dense() - state.theta
    deviations = moves.std(0)
    assert ((deviations / 0.2 - 1).abs() < 0.1).all()


def test_biases_have_noise_of_full_rank_and_matrices_of_the_rank_that_is_asked_for():
    _, state = begun(EggRoll())
    candidates = EggRoll(rank=1, population=20).ask(state)
    moves = candidates.dense()[:10] - state.theta
    assert torch.linalg.matrix_rank(moves[0, :15].view(5, 3)) == 1
    assert torch.linalg.matrix_rank(moves[:, 15:20]) == 5


def test_a_matrix_is_never_written_out(monkeypatch):
    """Neither for scoring nor for the step: candidates stay factors from the first to the last."""
    learner = EggRoll(population=8)
    the_objective, state = begun(learner)

    def written(self):
        raise AssertionError("A B^T was formed")

    monkeypatch.setattr(nogd.LowRank, "dense", written)
    monkeypatch.setattr(nogd.LowRank, "_moves", written)
    learner.step(the_objective, state)
    assert state.iteration == 1


def test_perturbation_and_update_carry_sigma():
    """With the same losses twice the noise moves twice as far."""
    moves = []
    for sigma in (0.1, 0.2):
        learner = EggRoll(sigma=sigma, population=4, lr=1.0)
        the_objective, state = begun(learner)
        start = state.theta.clone()
        the_objective.losses = lambda candidates, rows=None: torch.tensor(
            [1.0, 2.0, 5.0, 3.0], dtype=torch.float64
        )
        learner.step(the_objective, state)
        moves.append(state.theta - start)
    assert moves[1].tolist() == pytest.approx((2 * moves[0]).tolist(), rel=1e-9)


@pytest.mark.parametrize("losses", [[3.0] * 4, [math.inf] * 4], ids=["equal", "infinite"])
def test_losses_without_a_deviation_move_nothing(losses):
    learner = EggRoll(sigma=1.0, population=4)
    the_objective, state = begin(learner, sphere, 0.3, -0.4)
    answer(the_objective, losses)
    learner.step(the_objective, state)
    assert state.theta.tolist() == [0.3, -0.4]


def test_it_comes_near_the_floor_of_the_sphere():
    assert fit("eggroll,sigma=0.1", sphere, uniform(10, 2.0, 0), 2_000).loss < 0.2


@pytest.mark.parametrize("wrong", [{"sigma": 0.0}, {"population": 3}, {"rank": 0}, {"lr": 0.0}])
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        EggRoll(**wrong)
