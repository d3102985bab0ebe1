"""OpenAI-ES: its update written out slowly, ranks, sigma, weight decay, and noise that is kept as seeds."""

from __future__ import annotations

import math

import pytest
import torch
from driving import begin, fit, uniform
from pydantic import ValidationError
from slowly import answer, centred, normal, twin
from valleys import ellipsoid, rosenbrock, sphere

import nogd
from nogd.engine.state import to_bytes
from nogd_evolution.openai_es import OpenAiEs

START = (1.0, -2.0, 0.5)


def gradient_written_out(noise, losses, theta, sigma, weight_decay):
    """1 / (n sigma) times the sum of ranks times noise over all n candidates, the mirrored ones with minus."""
    weights = centred(losses)
    pairs = len(noise)
    signed = [*noise.tolist(), *(-noise).tolist()]
    return [
        weight_decay * theta[i]
        - sum(weights[k] * signed[k][i] for k in range(2 * pairs)) / (2 * pairs * sigma)
        for i in range(len(theta))
    ]


def points(theta, noise, sigma):
    return [
        ellipsoid(
            torch.tensor([t + sign * sigma * z for t, z in zip(theta, row, strict=True)], dtype=noise.dtype)
        ).item()
        for sign in (1, -1)
        for row in noise.tolist()
    ]


def test_with_adam_steps_are_the_papers_update_written_out():
    learner = OpenAiEs(sigma=0.3, population=8, lr=0.05, weight_decay=0.1)
    the_objective, state = begin(learner, ellipsoid, *START)
    theta, mean, square = list(START), [0.0] * 3, [0.0] * 3
    for step in (1, 2, 3):
        noise = normal(twin(state), 4, 3)
        learner.step(the_objective, state)
        gradient = gradient_written_out(noise, points(theta, noise, 0.3), theta, 0.3, 0.1)
        for i, g in enumerate(gradient):
            mean[i] = 0.9 * mean[i] + 0.1 * g
            square[i] = 0.999 * square[i] + 0.001 * g * g
            unbiased = mean[i] / (1 - 0.9**step), square[i] / (1 - 0.999**step)
            theta[i] -= 0.05 * unbiased[0] / (math.sqrt(unbiased[1]) + 1e-8)
        assert state.theta.tolist() == pytest.approx(theta, rel=1e-12)


@pytest.mark.parametrize("kept", ["stored", "seeds"])
def test_with_plain_descent_too_whatever_is_kept_of_the_noise(kept):
    learner = OpenAiEs(sigma=0.3, population=8, lr=0.05, weight_decay=0.1, optimizer="sgd", noise=kept)
    the_objective, state = begin(learner, ellipsoid, *START)
    asked = learner.ask(begin(learner, ellipsoid, *START)[1])
    noise = (asked.dense()[:4] - torch.tensor(START, dtype=torch.float64)) / 0.3
    learner.step(the_objective, state)
    losses = [ellipsoid(theta).item() for theta in asked.dense()]
    gradient = gradient_written_out(noise, losses, START, 0.3, 0.1)
    expected = [t - 0.05 * g for t, g in zip(START, gradient, strict=True)]
    assert state.theta.tolist() == pytest.approx(expected, rel=1e-9)


def test_all_losses_are_ranked_together_and_then_subtracted_in_pairs():
    """Ranked within each pair, both would weigh the same."""
    learner = OpenAiEs(sigma=1.0, population=4, lr=1.0, optimizer="sgd")
    the_objective, state = begin(learner, sphere, 0.0, 0.0)
    noise = normal(twin(state), 2, 2)
    answer(the_objective, [1.0, 2.0, 30.0, 3.0])  # of the pairs (1, 30) and (2, 3)
    learner.step(the_objective, state)
    assert state.theta.tolist() == pytest.approx(((noise[0] + noise[1] / 3) / 4).tolist())


def test_equal_losses_share_the_mean_of_their_ranks_so_a_plateau_pulls_nowhere():
    learner = OpenAiEs(sigma=1.0, population=6)
    the_objective, state = begin(learner, sphere, 0.3, -0.4)
    answer(the_objective, [7.0] * 6)
    learner.step(the_objective, state)
    assert state.theta.tolist() == [0.3, -0.4]


def moved(sigma, optimizer):
    learner = OpenAiEs(sigma=sigma, population=4, lr=0.01, optimizer=optimizer)
    the_objective, state = begin(learner, sphere, 0.0, 0.0)
    answer(the_objective, [1.0, 2.0, 4.0, 3.0])
    learner.step(the_objective, state)
    return state.theta


def test_the_gradient_is_divided_by_sigma_which_plain_descent_shows_and_adam_does_not():
    assert moved(0.1, "sgd").tolist() == pytest.approx((10 * moved(1.0, "sgd")).tolist())
    assert moved(0.1, "adam").tolist() == pytest.approx(moved(1.0, "adam").tolist(), rel=1e-5)


def test_weight_decay_goes_into_the_gradient_and_so_through_adam():
    learner = OpenAiEs(sigma=1.0, population=4, lr=0.01, weight_decay=0.5)
    the_objective, state = begin(learner, sphere, 0.3, -40.0)
    answer(the_objective, [7.0] * 4)
    learner.step(the_objective, state)
    assert state.theta.tolist() == pytest.approx(
        [0.29, -39.99]
    )  # a full step of Adam each, whatever the weight


def test_a_loss_that_is_not_finite_ranks_last_and_weighs_no_more():
    learner = OpenAiEs(sigma=1.0, population=4, lr=1.0, optimizer="sgd")
    the_objective, state = begin(learner, sphere, 0.0, 0.0)
    noise = normal(twin(state), 2, 2)
    answer(the_objective, [1.0, 2.0, math.inf, 3.0])
    learner.step(the_objective, state)
    assert state.theta.tolist() == pytest.approx(((noise[0] + noise[1] / 3) / 4).tolist())


def test_seeds_are_kept_where_the_noise_would_take_much_memory(monkeypatch):
    learner = OpenAiEs(population=8)
    _, state = begin(learner, sphere, *START)
    assert not isinstance(learner.ask(state), nogd.Perturbed)
    monkeypatch.setattr("nogd_evolution.openai_es.MOST_STORED", 11)
    candidates = learner.ask(state)
    assert isinstance(candidates, nogd.Perturbed)
    assert len(candidates) == 8
    assert len(set(candidates.seeds)) == 4


def test_with_seeds_and_plain_descent_the_state_holds_theta_and_nothing_of_its_size_besides():
    learner = OpenAiEs(noise="seeds", optimizer="sgd", sigma=0.1, population=64)
    the_objective, state = begin(learner, sphere, *[1.0] * 20_000)
    learner.step(the_objective, state)
    assert len(to_bytes(state)) < 1.2 * 20_000 * 8


def test_it_comes_close_to_the_floor_of_the_sphere_and_follows_a_valley():
    start = uniform(10, 2.0, 0)
    assert fit("openai-es,sigma=0.02,lr=0.05", sphere, start, 2_000).loss < 1e-2
    assert fit("openai-es,sigma=0.02,lr=0.05", rosenbrock, start, 2_000).loss < 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"sigma": 0.0},
        {"population": 3},
        {"lr": -1.0},
        {"optimizer": "x"},
        {"weight_decay": -1.0},
        {"noise": "x"},
    ],
)
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        OpenAiEs(**wrong)
