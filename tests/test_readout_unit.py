"""Other incoming weights for one hidden unit, the last layer solved for each: the slow way gives the same."""

from __future__ import annotations

from typing import Any

import plain
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_networks import ACTIVATIONS, freezings, images, stacks, vectors
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.accounts.meter import BudgetSpent, Limit, TargetReached
from nogd.engine.cost import Products
from nogd.engine.layers.units import HiddenUnit
from nogd.engine.objective import Objective
from nogd.engine.readout.columns import column_products
from nogd.engine.readout.solving import products
from nogd.errors import InvalidSetting

ROWS, HIDDEN, RIDGE = 40, 6, 1e-3
LOSSES = ("mse", "binary-cross-entropy", "cross-entropy", "zero-one", "huber")


class Skipping(nn.Module):
    """No chain: each unit of the first layer is seen by all of the second, and by the last layer too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.head = nn.Linear(2 * HIDDEN, 2)

    def forward(self, x: Tensor) -> Tensor:
        a = torch.tanh(self.first(x))
        return self.head(torch.cat([a, torch.sign(self.second(a))], 1))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 3, 2),
        nn.ReLU(),
        nn.Conv2d(3, 2, 2),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8, 2),
    )


def normalised() -> nn.Module:
    """Of each channel of its own, so that the last has a way alone."""
    return nn.Sequential(
        nn.Conv2d(1, 3, 2),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Conv2d(3, 2, 2),
        nn.BatchNorm2d(2),
        nn.Flatten(),
        nn.Linear(32, 2),
    )


def normalised_together() -> nn.Module:
    return nn.Sequential(
        nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 2)
    )


def bare() -> nn.Module:
    return nn.Sequential(nn.Linear(3, HIDDEN, bias=False), nn.Tanh(), nn.Linear(HIDDEN, 2))


def fixed_bias() -> nn.Module:
    module = nn.Sequential(nn.Linear(3, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 2))
    module[0].bias.requires_grad_(False)
    return module


NETWORKS = {
    "one hidden layer": lambda: plain.network(3, HIDDEN, 2, activation=nn.Tanh),
    "two": lambda: plain.network(3, 5, HIDDEN, 2),
    "convolutional": convolutional,
    "normalised": normalised,
    "normalised together": normalised_together,
    "no chain": Skipping,
    "no bias": bare,
    "a fixed bias": fixed_bias,
}


def targets(loss: str) -> Tensor:
    if loss == "cross-entropy":
        return plain.classes(ROWS, 2)
    y = plain.data(ROWS, 3, 2)[1]
    return (y > 0).double() if loss in plain.OF_BITS else y


def objective(network: str = "one hidden layer", loss: str = "mse", **more: Any) -> Objective:
    images = network in ("convolutional", "normalised")
    x = plain.data(ROWS, 36)[0].view(ROWS, 1, 6, 6) if images else plain.data(ROWS, 3)[0]
    return nogd.objective(
        plain.drawn(NETWORKS[network]().double().eval(), 0), x, targets(loss), loss=loss, **more
    )


def theta_of(made: Objective, seed: int = 0) -> Tensor:
    return plain.thetas(1, made.D, seed)[0]


def rows_for(unit: HiddenUnit, count: int = 4) -> Tensor:
    return torch.randn(count, len(unit), generator=Generator().manual_seed(5), dtype=torch.float64)


def dense(theta: Tensor, unit: HiddenUnit, weights: Tensor) -> nogd.Population:
    thetas = theta.repeat(len(weights), 1)
    thetas[:, unit.coordinates] = weights
    return nogd.Population(thetas)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("rows", [None, torch.arange(0, ROWS, 3)])
def test_least_squares_are_exact_for_each_unit(network, rows):
    made = objective(network)
    theta = theta_of(made)
    for unit in made.units:
        weights = rows_for(unit)
        found = made.readout_unit(theta, unit, weights, rows, ridge=RIDGE)
        expected = made.readout(dense(theta, unit, weights), rows, ridge=RIDGE)
        torch.testing.assert_close(found.values, expected.values)
        torch.testing.assert_close(found.weights, expected.weights, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(found.losses, made.losses(found, rows))


@pytest.mark.parametrize("kind", ["vectors", "image"])
@settings(deadline=None, derandomize=True, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), number=st.integers(0, 10**6), rows=st.sampled_from([None, [2, 0, 2, 5, 7]]))
def test_any_chain_gives_what_its_candidates_give_written_out(kind, data, number, rows):
    """Units behind which lie further layers, normalisations, convolutions, and some that have no way of their own."""
    layers, shape = (images(2, 6), (2, 6, 6)) if kind == "image" else (vectors(5), (5,))
    module = data.draw(freezings(nn.Sequential(*data.draw(layers))))
    x = torch.randn(ROWS, *shape, generator=Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        made = nogd.objective(module, x, module(x) + 1)
    if "readout" not in made.features or not made.units:
        return
    theta, unit = plain.read(made.module), made.units[number % len(made.units)]
    weights, chosen = rows_for(unit, 3), None if rows is None else torch.tensor(rows)
    with Products() as counted:
        found = made.readout_unit(theta, unit, weights, chosen, ridge=RIDGE)
    # A bias counts nothing, and is computed as a product with one input more.
    least = min(
        part.weight[0].numel() for part in module.modules() if isinstance(part, nn.Linear | nn.Conv2d)
    )
    assert counted.flops <= made.meter.flops * (1.1 + 1 / least)
    assert made.meter.forwards <= made.readout_unit_cost(unit, 3, chosen) * (1 + 1e-9)
    expected = made.readout(dense(theta, unit, weights), chosen, ridge=RIDGE)
    torch.testing.assert_close(found.values, expected.values, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(found.losses, made.losses(nogd.Population(found.dense()), chosen))
    assert torch.equal(found.dense()[:, unit.coordinates], weights)
    assert torch.equal(found.at(2), found.dense()[2])


def test_a_unit_below_others_costs_its_way_alone():
    """And all that is computed is paid."""
    module = plain.network(200, 40, 40, 3, activation=nn.Tanh)
    made = nogd.objective(module, *plain.data(ROWS, 200, 3))
    unit, theta = made.units[7], theta_of(made)
    with Products() as counted:
        made.readout_unit(theta, unit, rows_for(unit, 20))
    whole, own = 200 * 40 + 40 * 40 + 40 * 3, 200 + 40  # its column, and what each unit above gets from it
    solving = 20 * products("mse", 41, 3, ROWS, 1)
    assert made.meter.flops == pytest.approx(2 * (whole + 21 * own) * ROWS + solving)
    assert counted.flops <= made.meter.flops


@settings(max_examples=10)
@given(st.data(), st.sampled_from(LOSSES))
def test_candidates_are_what_they_say_and_never_worse_than_where_they_begin(data, loss):
    layers = data.draw(stacks(3, ACTIVATIONS))
    width = nn.Sequential(*layers).double()(torch.zeros(2, 3, dtype=torch.float64)).shape[1]
    module = plain.drawn(nn.Sequential(*layers, nn.Linear(width, 2)).double(), 0).eval()
    made = nogd.objective(module, plain.data(ROWS, 3)[0], targets(loss), loss=loss)
    theta = theta_of(made)
    unit = data.draw(st.sampled_from(made.units)) if made.units else None
    if unit is None:
        return
    weights = rows_for(unit)
    found = made.readout_unit(theta, unit, weights, ridge=RIDGE)
    torch.testing.assert_close(found.losses, made.losses(nogd.Population(found.dense())))
    begun = made.readout(dense(theta, unit, weights), ridge=RIDGE, steps=0)
    if loss not in ("mse", "huber"):
        assert (found.values <= begun.values * (1 + 1e-9)).all()
    kept = torch.ones(made.D, dtype=torch.bool).index_fill(0, unit.coordinates, False)
    last = made.D - 2 * (width + 1)
    assert torch.equal(
        found.dense()[:, kept][:, : last - len(unit)], theta[kept][: last - len(unit)].expand(4, -1)
    )
    assert torch.equal(found.dense()[:, unit.coordinates], weights)


@pytest.mark.parametrize("loss", ["binary-cross-entropy", "cross-entropy"])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_step_leads_most_of_the_way(network, loss):
    """For small changes of a unit of a network that is solved."""
    made = objective(network, loss)
    theta = made.readout(nogd.Population(theta_of(made)[None]), ridge=RIDGE, steps=40).at(0)
    unit = made.units[0]
    weights = theta[unit.coordinates] + 0.2 * rows_for(unit)
    begun = made.readout(dense(theta, unit, weights), ridge=RIDGE, steps=0).values
    solved = made.readout(dense(theta, unit, weights), ridge=RIDGE, steps=40).values
    found = made.readout_unit(theta, unit, weights, ridge=RIDGE).values
    assert ((begun - found) >= 0.6 * (begun - solved)).all()
    own = made.readout_unit(theta, unit, theta[unit.coordinates][None], ridge=RIDGE)
    torch.testing.assert_close(own.dense()[0], theta, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("network", "alone"),
    [
        ("one hidden layer", [True]),
        ("two", [False, True]),
        ("normalised", [False, True]),
        ("normalised together", [False, True]),
        ("no chain", [False] * 2),
    ],
)
def test_what_is_computed_is_paid(network, alone):
    made = objective(network)
    layers = list(dict.fromkeys(unit.layer for unit in made.units))
    for layer, is_alone in zip(layers, alone, strict=True):
        unit = next(each for each in made.units if each.layer == layer)
        before = made.meter.forwards, made.meter.evaluations
        made.readout_unit(theta_of(made), unit, rows_for(unit, 30))
        forwards = made.meter.forwards - before[0]
        assert made.meter.evaluations - before[1] == 30
        assert forwards <= made.readout_unit_cost(unit, 30) * (1 + 1e-9)
        if is_alone:
            assert forwards == pytest.approx(made.readout_unit_cost(unit, 30))
    assert made.access == "closed-form"


def test_the_price_of_a_unit_is_its_arithmetic():
    made = objective()
    forward = 2.0 * (3 * HIDDEN + HIDDEN * 2) * ROWS
    solving = column_products("mse", HIDDEN + 1, 2, ROWS, 1, 5)
    expected = (forward + 5 * 2 * 3 * ROWS + solving) / forward
    assert made.readout_unit_cost(made.units[0], 5) == pytest.approx(max(5, expected))


def test_a_candidate_of_a_large_layer_counts_one_forward():
    """However cheaply it is computed."""
    made = nogd.objective(plain.network(200, 3, 2, activation=nn.Tanh), *plain.data(ROWS, 200, 2))
    assert made.readout_unit_cost(made.units[0], 100) == 100


def test_the_budget_and_the_target_end_it():
    made = objective()
    unit = made.units[0]
    made.begin(theta_of(made), Limit(forwards=made.readout_unit_cost(unit, 4) - 0.01), None, None)
    with pytest.raises(BudgetSpent):
        made.readout_unit(theta_of(made), unit, rows_for(unit))
    assert made.meter.forwards == 0
    losses = objective().readout_unit(theta_of(made), unit, rows_for(unit)).losses
    made.begin(theta_of(made), Limit(), None, float(losses.min()))
    with pytest.raises(TargetReached) as reached:
        made.readout_unit(theta_of(made), unit, rows_for(unit))
    assert float(made.losses(nogd.Population(reached.value.theta[None]))[0]) == pytest.approx(
        float(losses.min())
    )


@pytest.mark.parametrize("network", ["one hidden layer", "no chain"])
def test_weights_that_are_not_finite_rank_last(network):
    made = objective(network)
    unit = made.units[0]
    weights = rows_for(unit)
    weights[2] = torch.nan
    found = made.readout_unit(theta_of(made), unit, weights)
    assert found.losses.isinf().tolist() == found.values.isinf().tolist() == [False, False, True, False]


def test_none_are_tried_for_little():
    made = objective()
    assert len(made.readout_unit(theta_of(made), made.units[0], rows_for(made.units[0], 0))) == 0


def test_units_are_rows_of_hidden_layers():
    made = objective("two")
    assert [(unit.layer, unit.number) for unit in made.units] == [
        *(("0.weight", k) for k in range(5)),
        *(("2.weight", k) for k in range(HIDDEN)),
    ]
    assert made.units[1].coordinates.tolist() == [3, 4, 5, 16]
    assert nogd.objective(nn.Linear(3, 2).double(), *plain.data(ROWS, 3, 2)).units == ()
    tanh = nogd.objective(nn.Sequential(nn.Linear(3, 2), nn.Tanh()).double(), *plain.data(ROWS, 3, 2))
    with pytest.raises(InvalidSetting, match="must end in a linear layer"):
        _ = tanh.units


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (torch.zeros(2, 3), r"\[M, 4\], not of shape \[2, 3\]"),
        ([1.0], "not a list"),
        (torch.zeros(4), r"\[4\]"),
    ],
)
def test_weights_of_another_shape_are_refused(weights, message):
    made = objective()
    with pytest.raises(InvalidSetting, match=message):
        made.readout_unit(theta_of(made), made.units[0], weights)
    with pytest.raises(InvalidSetting, match="ridge must be above 0"):
        made.readout_unit(theta_of(made), made.units[0], rows_for(made.units[0]), ridge=0)
