"""ARS: its update written out slowly, which directions are kept, and whose deviation divides."""

from __future__ import annotations

import math
import statistics

import pytest
import torch
from driving import begin, fit, uniform
from pydantic import ValidationError
from slowly import answer, normal, twin
from valleys import rosenbrock, sphere

from nogd_evolution.ars import Ars

START = (1.0, -2.0, 0.5)


@pytest.mark.parametrize("top", [2, 5], ids=["V1-t", "V1"])
def test_a_step_is_the_papers_update_written_out(top):
    learner = Ars(sigma=0.3, population=10, top=top, lr=0.07)
    the_objective, state = begin(learner, rosenbrock, *START)
    noise = normal(twin(state), 5, 3).tolist()
    learner.step(the_objective, state)

    def reward(sign, row):
        point = [t + sign * 0.3 * z for t, z in zip(START, row, strict=True)]
        return -rosenbrock(torch.tensor(point, dtype=torch.float64)).item()

    plus, minus = [reward(1, row) for row in noise], [reward(-1, row) for row in noise]
    kept = sorted(range(5), key=lambda k: -max(plus[k], minus[k]))[:top]
    deviation = statistics.pstdev([plus[k] for k in kept] + [minus[k] for k in kept])
    expected = [
        START[i] + 0.07 / (top * deviation) * sum((plus[k] - minus[k]) * noise[k][i] for k in kept)
        for i in range(3)
    ]
    assert state.theta.tolist() == pytest.approx(expected, rel=1e-9)


def test_the_deviation_is_that_of_the_kept_losses_alone():
    """The directions that are left out lost 100 times as much, and must not shorten the step."""
    moves = []
    for worst in (50.0, 5_000.0):
        learner = Ars(sigma=1.0, population=4, top=1, lr=1.0)
        the_objective, state = begin(learner, sphere, 0.0, 0.0)
        answer(the_objective, [1.0, worst, 3.0, worst + 1])
        learner.step(the_objective, state)
        moves.append(state.theta.tolist())
    assert moves[0] == moves[1]
    assert math.hypot(*moves[0]) > 0


def test_a_step_has_no_factor_of_sigma():
    """1 / (2 sigma) is in the gradient's estimate, not in the update, whose unit is the deviation of the losses."""
    moves = []
    for sigma in (0.01, 1.0):
        learner = Ars(sigma=sigma, population=4, lr=0.5)
        the_objective, state = begin(learner, sphere, 0.0, 0.0)
        answer(the_objective, [1.0, 2.0, 4.0, 3.0])
        learner.step(the_objective, state)
        moves.append(state.theta.tolist())
    assert moves[0] == moves[1]


@pytest.mark.parametrize("losses", [[3.0] * 4, [math.inf] * 4], ids=["equal", "infinite"])
def test_a_deviation_of_zero_moves_nothing(losses):
    learner = Ars(sigma=1.0, population=4)
    the_objective, state = begin(learner, sphere, 0.3, -0.4)
    answer(the_objective, losses)
    learner.step(the_objective, state)
    assert state.theta.tolist() == [0.3, -0.4]


def test_a_loss_that_is_not_finite_counts_as_the_worst_finite_one():
    moves = []
    for worst in (9.0, math.inf):
        learner = Ars(sigma=1.0, population=4, lr=1.0)
        the_objective, state = begin(learner, sphere, 0.0, 0.0)
        answer(the_objective, [1.0, 9.0, worst, 2.0])
        learner.step(the_objective, state)
        moves.append(state.theta.tolist())
    assert moves[0] == moves[1]


def test_it_comes_to_the_floor_of_the_sphere():
    assert fit("ars,sigma=0.1,lr=0.05", sphere, uniform(10, 2.0, 0), 3_000).loss < 1e-2


def test_more_directions_than_there_are_cannot_be_kept():
    with pytest.raises(ValidationError, match="at most half the population, 4"):
        Ars(population=8, top=5)


@pytest.mark.parametrize("wrong", [{"sigma": 0.0}, {"population": 3}, {"lr": 0.0}, {"top": 0}])
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Ars(**wrong)
