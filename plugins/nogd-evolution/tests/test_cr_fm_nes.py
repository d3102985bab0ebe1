"""CR-FM-NES: its rates, mirrored pairs, candidates without a loss, and what its covariance can and cannot be."""

from __future__ import annotations

import math

import pytest
import torch
from driving import begin, evaluations, objective, uniform
from pydantic import ValidationError
from valleys import ellipsoid, rotated, sphere

from nogd_evolution.cr_fm_nes import CrFmNes, _distance_rate, _shape_rates, _step_rate


def covariance(state):
    diagonal, v = torch.diag(state.diagonal), state.direction
    identity = torch.eye(len(v), dtype=v.dtype)
    return diagonal @ (identity + torch.outer(v, v)) @ diagonal


def reshaped(diagonal, v, y, weights):
    """Diagonal and direction after a step, candidate by candidate and number by number.

    y: what each candidate's noise becomes by the direction, last of all the path over the diagonal.
    """
    D = len(v)
    square = sum(each**2 for each in v)
    unit = [each / math.sqrt(square) for each in v]
    gamma = 1 + square
    largest = max(each**2 for each in unit)
    alpha = min(1, math.sqrt(square**2 + (2 * gamma - math.sqrt(gamma)) / largest) / (2 + square))
    b = -(1 - alpha**2) * square**2 / gamma + 2 * alpha**2
    H = [2 - (b + 2 * alpha**2) * each**2 for each in unit]
    new_diagonal, new_v = list(diagonal), list(v)
    for weight, row in zip(weights, y, strict=True):
        along = sum(a * u for a, u in zip(row, unit, strict=True))
        t = [a * along - u / 2 * (along**2 + gamma) for a, u in zip(row, unit, strict=True)]
        s = [a**2 - square / gamma * along * a * u - 1 for a, u in zip(row, unit, strict=True)]
        tu = sum(a * u for a, u in zip(t, unit, strict=True))
        for i in range(D):
            s[i] -= alpha / gamma * ((2 + square) * t[i] * unit[i] - square * tu * unit[i] ** 2)
        inner = sum(unit[i] ** 2 * s[i] / H[i] for i in range(D))
        below = 1 + b * sum(unit[i] ** 4 / H[i] for i in range(D))
        s = [s[i] / H[i] - b / below * unit[i] ** 2 / H[i] * inner for i in range(D)]
        su = sum(s[i] * unit[i] ** 2 for i in range(D))
        for i in range(D):
            t_i = t[i] - alpha * ((2 + square) * s[i] * unit[i] - su * unit[i])
            new_v[i] += weight * t_i / math.sqrt(square)
            new_diagonal[i] += weight * s[i] * diagonal[i]
    root = math.exp(
        sum(map(math.log, new_diagonal)) / D + math.log(1 + sum(each**2 for each in new_v)) / (2 * D)
    )
    return [each / root for each in new_diagonal], new_v


def test_a_step_is_the_papers_update_written_out():
    """Beside, in experiments/validation, the authors' own package went the same way to 11 digits for 60 steps."""
    D, count = 8, 10
    learner = CrFmNes(sigma=0.5)
    landscape = rotated(ellipsoid, D)
    the_objective, state = begin(learner, landscape, *uniform(D, 4.0, 0), seed=3)
    moved = set()
    for _ in range(25):
        mean, v, diagonal = state.theta.clone(), state.direction.clone(), state.diagonal.clone()
        step_path, shape_path, step = state.step_path.clone(), state.shape_path.clone(), state.step
        twin = torch.Generator()
        twin.set_state(state.rng.get_state())
        learner.step(the_objective, state)

        half = torch.empty(count // 2, D, dtype=torch.float64).normal_(generator=twin)
        z = torch.cat([half, -half])
        length, unit = v.norm().item(), v / v.norm()
        y = torch.stack([each + (math.sqrt(1 + length**2) - 1) * (unit @ each) * unit for each in z])
        x = [mean + 0.5 * step * diagonal * each for each in y]
        order = sorted(range(count), key=lambda k: landscape(x[k]).item())
        z, y = z[order], y[order]
        raw = [max(0.0, math.log(count / 2 + 1) - math.log(rank)) for rank in range(1, count + 1)]
        mass = 1 / sum((w / sum(raw)) ** 2 for w in raw)
        c_s, c_c = (mass + 2) / (D + mass + 5), (4 + mass / D) / (D + 4 + 2 * mass / D)
        mean_z = sum((w / sum(raw) - 1 / count) * each for w, each in zip(raw, z, strict=True))
        step_path = (1 - c_s) * step_path + math.sqrt(c_s * (2 - c_s) * mass) * mean_z
        usual = math.sqrt(D) * (1 - 1 / (4 * D) + 1 / (21 * D * D))
        far = step_path.norm().item() >= usual
        moved.add(far)
        factors = [math.exp(_distance_rate(D) * each.norm().item()) if far else 1 for each in z]
        raw = [w * factor for w, factor in zip(raw, factors, strict=True)]
        weights = [w / sum(raw) - 1 / count for w in raw]
        move = diagonal * sum(w * each for w, each in zip(weights, y, strict=True))
        shape_path = (1 - c_c) * shape_path + math.sqrt(c_c * (2 - c_c) * mass) * move
        eta = math.tanh((min(0.02 * count, 3 * math.log(D)) + 5) / (0.23 * D + 25))
        c_1 = 2 / ((D + 1.3) ** 2 + mass) * (D - 5) / 6
        rows = [*y.tolist(), (shape_path / diagonal).tolist()]
        expected = reshaped(diagonal.tolist(), v.tolist(), rows, [*(eta * w for w in weights), c_1])
        growth = sum(w * (each.square().sum().item() - D) for w, each in zip(weights, z, strict=True)) / D
        torch.testing.assert_close(state.theta, mean + 0.5 * step * move)
        assert state.diagonal.tolist() == pytest.approx(expected[0])
        assert state.direction.tolist() == pytest.approx(expected[1])
        pace = _step_rate(D, count, step_path.norm().item() / usual)
        assert state.step == pytest.approx(step * math.exp(pace / 2 * growth))
    assert moved == {False, True}


def test_candidates_come_in_mirrored_pairs_about_the_mean():
    learner = CrFmNes(population=6)
    _, state = begin(learner, sphere, 1.0, 2.0, 3.0)
    thetas = learner.ask(state).thetas - state.theta
    torch.testing.assert_close(thetas[:3], -thetas[3:])


def test_candidates_have_the_covariance_that_the_state_says():
    learner = CrFmNes(sigma=1.0)
    _, state = begin(learner, sphere, 0.0, 0.0, 0.0)
    state.diagonal = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    root = learner.offsets(state, torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(root.T @ root, covariance(state))


def test_the_volume_of_the_covariance_stays_1_as_the_step_size_has_it():
    learner = CrFmNes()
    the_objective, state = begin(learner, ellipsoid, *uniform(8, 4.0, 0))
    for _ in range(50):
        learner.step(the_objective, state)
        assert torch.linalg.det(covariance(state)).item() == pytest.approx(1)
    assert state.diagonal.max() > 2 * state.diagonal.min()


def test_the_paths_rate_is_left_out_where_it_would_be_negative():
    assert _shape_rates(4, 8, 8, 3.0)[0] == 0
    assert _shape_rates(10, 10, 10, 3.0)[0] == pytest.approx(2 / (11.3**2 + 3) * 5 / 6)


def test_candidates_without_a_loss_slow_the_learning_down():
    assert _shape_rates(10, 10, 5, 3.0)[0] == _shape_rates(10, 10, 10, 3.0)[0] / 2
    assert _step_rate(10, 5, 0.5) < _step_rate(10, 10, 0.5)


def test_candidates_without_a_loss_rank_by_their_distance_the_furthest_last():
    learner = CrFmNes(population=6, sigma=1.0)
    the_objective, state = begin(learner, sphere, 0.0, 0.0, seed=1)
    twin = torch.Generator()
    twin.set_state(state.rng.get_state())
    half = torch.empty(3, 2, dtype=torch.float64).normal_(generator=twin)
    noise = torch.cat([half, -half])
    losses = torch.tensor([math.inf, 2.0, math.inf, math.inf, 1.0, math.inf], dtype=torch.float64)
    the_objective.losses = lambda candidates, rows=None: losses
    learner.step(the_objective, state)
    lost = sorted([0, 2, 3, 5], key=lambda k: (noise[k].norm().item(), k))
    raw = [max(0.0, math.log(4) - math.log(rank)) for rank in range(1, 7)]
    weights = [w / sum(raw) - 1 / 6 for w in raw]
    mass = 1 / sum((w + 1 / 6) ** 2 for w in weights)
    rate = (mass + 2) / (2 + mass + 5)
    mean = sum(w * noise[k] for w, k in zip(weights, [4, 1, *lost], strict=True))
    torch.testing.assert_close(state.step_path, math.sqrt(rate * (2 - rate) * mass) * mean)


def test_the_distance_rate_solves_its_equation():
    for D in (2, 40, 10_000):
        a = _distance_rate(D)
        assert (1 + a**2) * math.exp(a**2 / 2) / 0.24 == pytest.approx(10 + D)


@pytest.mark.parametrize("landscape", [sphere, ellipsoid], ids=["sphere", "ellipsoid"])
def test_it_learns_the_axes(landscape):
    assert evaluations("cr-fm-nes,sigma=2", landscape, uniform(10, 4.0, 0), 3_000) < 3_000


def test_it_does_not_learn_an_ellipsoid_that_is_turned():
    landscape = rotated(ellipsoid, 10)
    assert math.isinf(evaluations("cr-fm-nes,sigma=2", landscape, uniform(10, 4.0, 0), 12_000))


def test_a_single_parameter_is_refused_with_the_name_of_one_that_takes_it():
    assert (CrFmNes().supports(objective(sphere, 1.0)) or "").endswith("snes takes one")
    assert CrFmNes().supports(objective(sphere, 1.0, 1.0)) is None


def test_an_odd_population_is_refused_and_a_default_one_made_even():
    with pytest.raises(ValidationError, match="pairs"):
        CrFmNes(population=7)
    assert [CrFmNes().size(D) for D in (2, 5, 10, 40)] == [6, 8, 10, 16]
