"""The minimum along a coordinate against a dense scan and against scipy."""

from __future__ import annotations

import math

import plain
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

import nogd
from nogd.engine.objective import Objective
from nogd.errors import InvalidSetting

D = torch.float64
LINEAR_BETWEEN_KINKS = [nn.ReLU, nn.LeakyReLU, nn.Identity, nn.ReLU6, nn.Hardtanh]


def plain_loss(module: nn.Module, theta: Tensor, index: int, value: float, x: Tensor, y: Tensor) -> float:
    theta = theta.clone()
    theta[index] = value
    return plain.losses(module, theta[None], x, y, F.mse_loss).item()


def scan(objective: Objective, theta: Tensor, index: int, low: float, high: float, points: int) -> Tensor:
    return objective.walk(theta.clone()).losses(index, torch.linspace(low, high, points, dtype=D))


def check(module: nn.Module, x: Tensor, y: Tensor, index: int, low: float, high: float, points: int) -> None:
    objective = nogd.objective(module, x, y)
    theta = plain.read(module)
    value, loss = objective.walk(theta.clone()).minimum(index, low, high)
    assert low <= value <= high
    assert loss == pytest.approx(plain_loss(module, theta, index, value, x, y), rel=1e-9, abs=1e-24)
    lowest = scan(objective, theta, index, low, high, points).min().item()
    assert loss <= lowest * (1 + 1e-9) + 1e-24
    best = minimize_scalar(
        lambda v: plain_loss(module, theta, index, v, x, y), bounds=(low, high), method="bounded"
    )
    assert loss <= best.fun * (1 + 1e-9) + 1e-24


@pytest.mark.parametrize("index", [0, 13, 52, 57, 70, 78, 80, 83])
def test_the_original_study(index):
    torch.manual_seed(0)
    module = plain.original_network()
    x, y = plain.data(60, 10)
    objective = nogd.objective(module, x, y)
    check(module, x, y, index, -5.0, 5.0, 100_000)
    value, loss = objective.walk(plain.read(module)).minimum(index, -5.0, 5.0)
    found = scan(objective, plain.read(module), index, -5.0, 5.0, 100_000)
    assert loss <= found.min().item() * (1 + 1e-12)
    assert loss == pytest.approx(found.min().item(), rel=1e-4)  # no scan is much coarser than that
    assert value == pytest.approx(-5 + 10 * int(found.argmin()) / 99_999, abs=2e-4)


@settings(deadline=None, derandomize=True, max_examples=80)
@given(
    widths=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    activation=st.sampled_from(LINEAR_BETWEEN_KINKS),
    rows=st.integers(1, 15),
    place=st.integers(0, 10**6),
    box=st.sampled_from([(-5.0, 5.0), (0.0, 0.5), (-100.0, 1.0), (2.0, 2.0)]),
    last=st.booleans(),
    bias=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_small_networks(widths, activation, rows, place, box, last, bias, seed):
    module = plain.network(*widths, activation=activation, seed=seed)
    if not bias:
        for k in range(0, len(module), 2):
            module[k].register_parameter("bias", None)
    if last:
        module.append(activation())
    x, y = plain.data(rows, widths[0], widths[-1], seed)
    check(module, x, y, place % len(plain.read(module)), *box, points=2_001)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    widths=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    activation=st.sampled_from([nn.Tanh, nn.Sigmoid, nn.GELU]),
    place=st.integers(0, 10**6),
    seed=st.integers(0, 10**6),
)
def test_smooth_networks_by_scan_and_golden_section(widths, activation, place, seed):
    module = plain.network(*widths, activation=activation, seed=seed)
    x, y = plain.data(9, widths[0], widths[-1], seed)
    objective, theta = nogd.objective(module, x, y), plain.read(module)
    index = place % objective.D
    value, loss = objective.walk(theta.clone()).minimum(index, -3, 4)
    assert loss == pytest.approx(plain_loss(module, theta, index, value, x, y), rel=1e-9)
    assert loss <= scan(objective, theta, index, -3, 4, 33).min().item()  # a narrower valley may be missed
    beside = [
        plain_loss(module, theta, index, value + d, x, y) for d in (-1e-3, 1e-3) if -3 <= value + d <= 4
    ]
    assert all(loss <= other * (1 + 1e-12) for other in beside)


@pytest.mark.parametrize("index", [0, 12, 14, 25, 28, 30])
def test_a_minimum_of_zero_keeps_its_digits(index):
    """Targets that the network itself gives: the loss at the minimum is rounding's own, far below the loss beside."""
    module = plain.network(3, 4, 3, 1, seed=5)
    x, _ = plain.data(40, 3)
    with torch.no_grad():
        y = module(x)
    theta = plain.read(module)
    goal = theta[index].item()
    start = theta.clone()
    start[index] = goal + 1.7
    objective = nogd.objective(module, x, y)
    value, loss = objective.walk(start).minimum(index, goal - 3, goal + 3.1)
    assert loss < 1e-25
    if plain_loss(module, theta, index, goal + 1e-3, x, y) > 0:  # else the unit is dead
        assert value == pytest.approx(goal, abs=1e-11)
    near = torch.tensor([goal - 1e-9, goal, goal + 1e-9], dtype=D)
    expected = [plain_loss(module, theta, index, v, x, y) for v in near.tolist()]
    found = objective.walk(start).losses(index, near)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=D), rtol=1e-5, atol=1e-28)


def test_float32():
    module = plain.original_network().float()
    x, y = plain.data(60, 10, dtype=torch.float32)
    objective, theta = nogd.objective(module, x, y), plain.read(module)
    for index in range(0, 84, 7):
        _, loss = objective.walk(theta.clone()).minimum(index, -5, 5)
        found = objective.walk(theta.clone()).losses(index, torch.linspace(-5, 5, 5_001))
        assert loss <= found.min().item() * (1 + 1e-5)


def test_large_inputs_go_block_by_block(monkeypatch):
    module, (x, y) = plain.network(3, 8, 8, 2), plain.data(300, 3, 2)
    theta = plain.read(module)
    objective = nogd.objective(module, x, y)
    whole = [objective.walk(theta.clone()).minimum(k, -2, 2) for k in range(0, objective.D, 11)]
    monkeypatch.setattr("nogd.engine.walks.minimum.BLOCK_ELEMENTS", 900)
    parts = [objective.walk(theta.clone()).minimum(k, -2, 2) for k in range(0, objective.D, 11)]
    for (value, loss), (other_value, other_loss) in zip(whole, parts, strict=True):
        assert other_value == pytest.approx(value, abs=1e-9)
        assert other_loss == pytest.approx(loss, rel=1e-12)


def test_losses_that_are_not_finite():
    module = plain.network(3, 4, 1, scale=1e200)
    _, loss = nogd.objective(module, *plain.data(9, 3)).walk(plain.read(module)).minimum(0, -1, 1)
    assert loss == math.inf
    module = plain.network(3, 4, 1)
    half = nogd.objective(module, *plain.data(9, 3), loss=lambda o, t: (o.mean() - 0.3).log())
    _, loss = half.walk(plain.read(module)).minimum(16, -30, 30)
    assert math.isfinite(loss)


def test_a_black_box():
    module = nn.Linear(1, 1, dtype=D)
    run = nogd.minimize(
        module,
        lambda m: float((m.weight - 2).square() + (m.bias + 1).square()),
        learner="exact-line",
        budget=400,
    )
    assert run.theta.tolist() == pytest.approx([2.0, -1.0], abs=1e-6)
    assert run.loss < 1e-12


def test_what_it_costs():
    module, (x, y) = plain.original_network(), plain.data(60, 10)
    objective = nogd.objective(module, x, y)
    walk = objective.walk(plain.read(module))
    before = objective.meter.reading()
    walk.minimum(83, -5, 5)
    after = objective.meter.reading()
    assert after["evaluations"] - before["evaluations"] == 1
    assert after["forwards"] - before["forwards"] == 1
    walk.minimum(3, -5, 5)
    spent = objective.meter.reading()
    assert spent["evaluations"] - after["evaluations"] == 1
    forward = 2 * 74 * 60
    expected = max(1, (spent["flops"] - after["flops"]) / forward)
    assert spent["forwards"] - after["forwards"] == pytest.approx(expected)


def test_a_search_pays_for_every_value():
    module, (x, y) = plain.network(3, 4, 1, activation=nn.Tanh), plain.data(20, 3)
    objective = nogd.objective(module, x, y)
    walk = objective.walk(plain.read(module))
    before = objective.meter.reading()
    walk.minimum(0, -5, 5)
    spent = {name: value - before[name] for name, value in objective.meter.reading().items()}
    assert spent["evaluations"] == spent["forwards"] > 33


@pytest.mark.parametrize(("low", "high"), [(1.0, 0.0), (-math.inf, 1.0), (0.0, math.nan)])
def test_an_interval_that_makes_no_sense(low, high):
    walk = nogd.objective(plain.network(2, 1), *plain.data(3, 2)).walk(torch.zeros(3, dtype=D))
    with pytest.raises(InvalidSetting, match="between two finite values"):
        walk.minimum(0, low, high)
