"""PGPE with ClipUp: its update written out slowly, the order of normalising and clipping, and its limits."""

from __future__ import annotations

import math

import pytest
import torch
from driving import begin, fit, uniform
from pydantic import ValidationError
from slowly import answer, centred, normal, twin
from valleys import rosenbrock, sphere

from nogd_evolution.pgpe import Pgpe, clip_up

START = (1.0, -2.0, 0.5)


def test_steps_are_the_papers_update_written_out():
    learner = Pgpe(sigma=0.3, population=8, max_speed=0.2, lr=0.15, momentum=0.8, sigma_lr=0.5)
    the_objective, state = begin(learner, rosenbrock, *START)
    theta, sigma, velocity = list(START), [0.3] * 3, [0.0] * 3
    for _ in range(3):
        noise = normal(twin(state), 4, 3).tolist()
        learner.step(the_objective, state)
        moves = [[s * z for s, z in zip(sigma, row, strict=True)] for row in noise]
        losses = [
            rosenbrock(
                torch.tensor([t + sign * m for t, m in zip(theta, row, strict=True)], dtype=torch.float64)
            ).item()
            for sign in (1, -1)
            for row in moves
        ]
        gains = centred(losses)
        ascent = [sum((gains[k] - gains[k + 4]) / 2 * moves[k][i] for k in range(4)) / 4 for i in range(3)]
        growth = [
            sum(
                (gains[k] + gains[k + 4]) / 2 * (moves[k][i] ** 2 - sigma[i] ** 2) / sigma[i]
                for k in range(4)
            )
            / 4
            for i in range(3)
        ]
        length = math.hypot(*ascent)
        velocity = [0.8 * v + 0.15 * a / length for v, a in zip(velocity, ascent, strict=True)]
        speed = math.hypot(*velocity)
        if speed > 0.2:
            velocity = [v * 0.2 / speed for v in velocity]
        theta = [t + v for t, v in zip(theta, velocity, strict=True)]
        sigma = [s + max(-0.2 * s, min(0.2 * s, 0.5 * g)) for s, g in zip(sigma, growth, strict=True)]
        assert state.theta.tolist() == pytest.approx(theta, rel=1e-10)
        assert state.sigma.tolist() == pytest.approx(sigma, rel=1e-10)


def test_the_gradient_is_normalised_before_momentum_and_the_velocity_cut_after():
    velocity = torch.tensor([1.0, 0.0])
    for size in (1e-9, 1e9):  # the gradient's length is nothing
        moved = clip_up(velocity, size * torch.tensor([0.0, 1.0]), lr=0.5, momentum=0.9, speed=2.0)
        assert moved.tolist() == pytest.approx([0.9, 0.5])
    cut = clip_up(velocity, torch.tensor([1.0, 0.0]), lr=0.5, momentum=0.9, speed=1.0)
    assert cut.tolist() == pytest.approx([1.0, 0.0])


def test_a_gradient_of_zero_gives_no_division_of_zero_by_zero():
    assert clip_up(torch.zeros(2), torch.zeros(2), lr=0.5, momentum=0.9, speed=1.0).tolist() == [0, 0]
    learner = Pgpe(sigma=1.0, population=4)
    the_objective, state = begin(learner, sphere, 0.3, -0.4)
    answer(the_objective, [5.0] * 4)
    learner.step(the_objective, state)
    assert state.theta.tolist() == [0.3, -0.4]
    assert state.sigma.tolist() == [1.0, 1.0]


def test_a_deviation_changes_by_a_fifth_of_itself_at_most():
    learner = Pgpe(sigma=1.0, population=8, sigma_lr=1e3)
    the_objective, state = begin(learner, rosenbrock, *START)
    answer(the_objective, [1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0])
    learner.step(the_objective, state)
    assert {round(s, 9) for s in state.sigma.tolist()} <= {0.8, 1.2}


def test_the_highest_speed_is_a_fifteenth_of_the_length_of_the_first_deviations():
    learner = Pgpe(sigma=0.3)
    the_objective, state = begin(learner, sphere, *[5.0] * 100)
    for _ in range(20):
        before = state.theta
        learner.step(the_objective, state)
    assert (state.theta - before).norm().item() == pytest.approx(0.3 * 10 / 15, rel=0.05)


def test_it_hovers_about_an_optimum_at_its_highest_speed():
    """No high precision, by design: 1e-8 is out of reach, a few speeds are not."""
    run = fit("pgpe,sigma=0.3,max_speed=0.1", sphere, uniform(10, 2.0, 0), 2_000)
    assert 1e-6 < sphere(run.theta).item() < 0.3


@pytest.mark.parametrize(
    "wrong",
    [
        {"sigma": 0.0},
        {"population": 3},
        {"max_speed": 0.0},
        {"lr": 0.0},
        {"momentum": 1.0},
        {"max_change": 1.0},
    ],
)
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Pgpe(**wrong)
