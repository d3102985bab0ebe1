"""What an example's loss does when a unit's sum is shifted, against automatic gradients and hand-made steps."""

from __future__ import annotations

import math

import plain
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.candidates.unit import UnitWeights
from nogd.engine.layers.units import HiddenUnit
from nogd.engine.objective import Objective
from nogd.engine.readout.unit_view import UnitView
from nogd.learners import unit_guides
from nogd.learners.unit_guides import all_guides
from nogd.learners.unit_search import UnitSearch
from nogd.learners.unit_shifts import flops_of_slope_guide, shifts, slope_guide
from nogd.tasks.networks import Sign


def made(activation: nn.Module, outputs: int = 1, loss: str = "mse", bias: bool = True) -> Objective:
    """Two hidden layers; 40 examples of three inputs."""
    layers = (nn.Linear(3, 5, bias=bias), activation, nn.Linear(5, 4), activation, nn.Linear(4, outputs))
    module = plain.drawn(nn.Sequential(*layers).double(), 0, 0.7)
    x = torch.randn(40, 3, generator=Generator().manual_seed(1), dtype=torch.float64)
    y = (x[:, :1] * x[:, 1:2]).repeat(1, outputs) if loss == "mse" else (x[:, 0] > 0).long()
    return nogd.objective(module, x, y, loss=loss)


def at(objective: Objective, number: int) -> tuple[Tensor, HiddenUnit, UnitView, Tensor]:
    theta, unit = plain.thetas(1, objective.D)[0], objective.units[number]
    return theta, unit, objective.unit_view(theta, unit), theta[unit.coordinates]


def moved(own: Tensor, by: float) -> Tensor:
    both = own.repeat(2, 1)
    both[:, -1] += by * both.new_tensor([1.0, -1.0])
    return both


@pytest.mark.parametrize("number", [1, 6], ids=["first layer", "second layer"])
@pytest.mark.parametrize(("outputs", "loss"), [(1, "mse"), (3, "cross-entropy")])
def test_a_small_shift_leads_down_the_gradient(number, outputs, loss):
    """Of the unit's weights, the bias aside, whose part is taken by the mean of the inputs."""
    objective = made(nn.Tanh(), outputs, loss)
    theta, unit, view, own = at(objective, number)
    found = slope_guide(view, objective.outputs(UnitWeights(theta, unit, moved(own, 1e-5))))
    _, gradient = objective.gradient(theta)
    assert view.inputs is not None
    mean = view.inputs.mean((0, 1))
    weights, bias = gradient[unit.coordinates[:-1]], gradient[unit.coordinates[-1]]
    down = -(weights - bias * mean)
    torch.testing.assert_close(found[:-1], down / down.norm(), rtol=1e-5, atol=1e-7)
    assert float(found[-1]) == pytest.approx(-float(found[:-1] @ mean))


def test_of_signs_those_examples_count_that_change_sides():
    objective = made(Sign())
    theta, unit, view, own = at(objective, 1)
    assert view.inputs is not None
    x = view.inputs[:, 0]
    sums = x @ own[:-1] + own[-1]
    by = float(sums.abs().sort().values[9]) + 1e-9  # ten of them
    outputs = objective.outputs(UnitWeights(theta, unit, moved(own, by)))
    slopes = (view.error * (outputs[0] - outputs[1])).sum(1)
    flips = (sums.abs() <= by) & (slopes != 0)
    assert 1 <= int(flips.sum()) <= 10
    center = x[flips].mean(0)
    down = sum(-slopes[n] * (x[n] - center) for n in flips.nonzero()[:, 0].tolist())
    found = slope_guide(view, outputs)
    torch.testing.assert_close(found[:-1], down / down.norm())
    assert float(found[-1]) == pytest.approx(-float(found[:-1] @ center))


def test_no_slope_is_no_direction():
    objective = made(Sign())
    theta, unit, view, own = at(objective, 1)
    outputs = objective.outputs(UnitWeights(theta, unit, moved(own, 0.0)))
    assert torch.equal(slope_guide(view, outputs), torch.zeros(4, dtype=torch.float64))
    assert torch.equal(slope_guide(view, outputs * math.nan), torch.zeros(4, dtype=torch.float64))


@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-12, 1.0, 1e12]))
def test_a_shift_is_a_fifth_to_all_of_the_deviation(seed, scale):
    _, unit, view, own = at(made(nn.Tanh()), 2)
    assert view.inputs is not None
    own = own * scale
    both = shifts(view, unit, own, Generator().manual_seed(seed))
    deviation = float((view.inputs[:, 0] @ own[:-1]).std(correction=0))
    torch.testing.assert_close(both.mean(0), own)
    assert torch.equal(both[:, :-1], own[:-1].repeat(2, 1))
    assert 0.2 <= float(both[0, -1] - both[1, -1]) / 2 / deviation * (1 + 1e-9) <= 1 + 1e-3


@pytest.mark.parametrize("weights", [0.0, math.inf, math.nan])
def test_a_unit_whose_sums_are_all_equal_or_not_finite_is_shifted_too(weights):
    _, unit, view, own = at(made(nn.Tanh()), 2)
    both = shifts(view, unit, torch.full_like(own, weights), Generator().manual_seed(0))
    if weights == 0:
        assert 0.2 <= float(both[0, -1]) <= 1


def test_two_thirds_of_the_guides_go_down_the_slopes_for_two_passes_and_their_arithmetic():
    objective = made(nn.Tanh())
    theta, unit, view, _ = at(objective, 1)
    before = objective.meter.reading()
    found = all_guides(objective, theta, unit, view, None, 9, Generator().manual_seed(0))
    spent = {name: value - before[name] for name, value in objective.meter.reading().items()}
    assert found.shape == (9, 4)
    assert torch.equal(found[3:], found[3].expand(6, 4))
    assert not torch.equal(found[2], found[3])
    assert spent["forwards"] >= 2
    assert spent["flops"] > flops_of_slope_guide(view) + 2 * objective.forward_flops


def test_where_slopes_are_not_known_all_guides_are_correlations():
    """Without a bias to shift, and where a channel is at several places in each example."""
    x = torch.randn(12, 1, 5, 5, generator=Generator().manual_seed(0), dtype=torch.float64)
    layers = (nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(18, 3))
    channels = nogd.objective(plain.drawn(nn.Sequential(*layers).double(), 0, 0.5), x, x[:, 0, 0, :3])
    for objective in (made(nn.Tanh(), 3, "cross-entropy", bias=False), channels):
        theta, unit, view, _ = at(objective, 0)
        found = all_guides(objective, theta, unit, view, None, 6, Generator().manual_seed(0))
        assert (
            len({tuple(each.tolist()) for each in found}) == 5
        )  # two by the unit's own weights, three at random
        before = objective.meter.evaluations
        assert all_guides(objective, theta, unit, view, None, 0, Generator()).shape == (0, len(unit))
        assert objective.meter.evaluations == before


@pytest.mark.parametrize("seed", range(3))
def test_slopes_lead_further_down_in_the_same_forwards(seed, monkeypatch):
    arrays = make_classification(200, 20, n_informative=8, n_classes=5, class_sep=1.5, random_state=seed)
    x, classes = map(torch.as_tensor, arrays)
    x, losses = (x - x.mean(0)) / x.std(0), {}
    for share in (0.0, unit_guides._SLOPES):
        monkeypatch.setattr(unit_guides, "_SLOPES", share)
        layers = (nn.Linear(20, 12), nn.ReLU(), nn.Linear(12, 5))
        module = plain.drawn(nn.Sequential(*layers).double(), seed, 0.3)
        learner = UnitSearch(ridge=1e-4)
        losses[share] = nogd.fit(module, x, classes, loss="cross-entropy", learner=learner, budget=2_000).loss
    assert losses[unit_guides._SLOPES] < 0.5 * losses[0.0]
