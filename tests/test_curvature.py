"""The loss as a formula of outputs: its gradient and Gauss-Newton product, against autograd and finite differences."""

from __future__ import annotations

import re

import plain
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.autograd.functional import hessian, jacobian

import nogd
from nogd.engine.curvature import _FORMULAS, Curvature, curvature_at
from nogd.engine.losses import BUILT_IN, Loss, find_loss
from nogd.errors import InvalidSetting, NotDifferentiable

pytestmark = pytest.mark.torch_alone

SMOOTH = ["mse", "huber", "cross-entropy", "binary-cross-entropy"]
FLAT = ["mae", "hinge", "hinge of classes"]


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def case(name: str, rows: int, out: int, seed: int) -> tuple[Loss, Tensor, Tensor]:
    """A loss, outputs and targets, by chance never at a kink."""
    z = 2 * normal(rows, out, seed=seed)
    if name in ("cross-entropy", "hinge of classes"):
        return BUILT_IN[name.partition(" ")[0]], z, plain.classes(rows, out, seed)
    y = normal(rows, out, seed=seed + 1)
    y = y.sigmoid() if name == "binary-cross-entropy" else (y > 0).double() if name == "hinge" else y
    return BUILT_IN[name], z, y


def test_every_built_in_loss_with_a_gradient_has_a_formula_and_its_test():
    with_gradient = {name for name, loss in BUILT_IN.items() if loss.differentiable}
    assert set(_FORMULAS) == with_gradient, "give it a formula in nogd/engine/curvature.py"
    assert {name.partition(" ")[0] for name in SMOOTH + FLAT} == with_gradient


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SMOOTH + FLAT), st.integers(1, 7), st.integers(1, 4), st.integers(0, 10**6))
def test_each_formula_is_what_autograd_makes_of_the_loss(name, rows, out, seed):
    loss, z, y = case(name, rows, out, seed)
    found = curvature_at(loss, z, y, 2)
    torch.testing.assert_close(found.loss, loss(z, y))
    torch.testing.assert_close(found.gradient, jacobian(lambda point: loss(point, y), z))
    v = normal(rows, out, seed=seed + 2)
    expected = torch.zeros_like(v)
    if name in SMOOTH:
        expected = torch.tensordot(hessian(lambda point: loss(point, y), z), v, dims=2)
    torch.testing.assert_close(found.product(v), expected)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SMOOTH + FLAT), st.integers(1, 5), st.integers(2, 4), st.integers(0, 10**6))
def test_and_what_differences_of_the_loss_are(name, rows, out, seed):
    loss, z, y = case(name, rows, out, seed)
    v, eps = normal(rows, out, seed=seed + 2), 1e-6
    found = curvature_at(loss, z, y, 2)
    slope = (loss(z + eps * v, y) - loss(z - eps * v, y)) / (2 * eps)
    torch.testing.assert_close((found.gradient * v).sum(), slope, atol=1e-5, rtol=1e-4)
    if name in SMOOTH:
        ahead, behind = (curvature_at(loss, z + side * v, y, 2).gradient for side in (eps, -eps))
        torch.testing.assert_close(found.product(v), (ahead - behind) / (2 * eps), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", SMOOTH + FLAT)
def test_networks_and_tangents_may_be_many(name):
    loss, z, y = case(name, 5, 3, 1)
    several = torch.stack([z, -z])
    found = curvature_at(loss, several, y, 2)
    one, other = (curvature_at(loss, each, y, 2) for each in several)
    torch.testing.assert_close(found.loss, torch.stack([one.loss, other.loss]))
    torch.testing.assert_close(found.gradient, torch.stack([one.gradient, other.gradient]))
    v = normal(4, 2, 5, 3, seed=3)
    torch.testing.assert_close(found.product(v)[:, 0], one.product(v[:, 0]))
    torch.testing.assert_close(found.product(v)[1, 1], other.product(v[1, 1]))
    none = curvature_at(loss, several[:0], y, 2)
    assert (none.loss.shape, none.gradient.shape) == ((0,), (0, 5, 3))


def log_cosh(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).cosh().log().mean()


def overwriting(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs.sub_(targets).square_().mean()


def in_pairs(outputs: Tensor, targets: Tensor) -> Tensor:
    """No mean over examples: each is compared with the next."""
    return (outputs - outputs.roll(1, 0) - targets).square().mean() + outputs.exp().sum()


@pytest.mark.parametrize("function", [log_cosh, overwriting, in_pairs])
@pytest.mark.parametrize("lead", [(), (3,)])
def test_a_loss_of_ones_own_by_autograd_of_it_alone(function, lead):
    loss, z, y = find_loss(function), normal(*lead, 4, 2, seed=5), normal(4, 2, seed=6)
    kept, v = z.clone(), normal(2, *lead, 4, 2, seed=7)
    found = curvature_at(loss, z, y, 2)
    assert torch.equal(z, kept)
    singly = lambda one: function(one.clone(), y)  # noqa: E731
    for place in range(lead[0]) if lead else [...]:
        one = z[place]
        torch.testing.assert_close(found.loss[place], singly(one))
        torch.testing.assert_close(found.gradient[place], jacobian(singly, one))
        expected = torch.tensordot(
            hessian(singly, one), v[:, place].movedim(0, -1) if lead else v.movedim(0, -1), 2
        )
        got = found.product(v)[:, place] if lead else found.product(v)
        torch.testing.assert_close(got, expected.movedim(-1, 0))
    assert not found.gradient.requires_grad


def test_a_loss_of_ones_own_that_is_piecewise_linear_has_no_curvature():
    found = curvature_at(
        find_loss(lambda z, y: (z - y).abs().sum()), normal(4, 2, seed=1), normal(4, 2, seed=2), 2
    )
    assert torch.equal(found.product(torch.ones(4, 2)), torch.zeros(4, 2))


REFUSED = {
    "zero-one": (
        BUILT_IN["zero-one"],
        "loss 'zero-one' has no gradient with respect to outputs; take a loss",
    ),
    "a number": (find_loss(lambda z, y: z.sum().item()), "gives a number that autograd cannot follow"),
    "rounded away": (
        find_loss(lambda z, y: z.argmax(1).float().mean()),
        "gives a number that autograd cannot follow",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_loss_without_a_gradient_is_refused(name):
    loss, said = REFUSED[name]
    with pytest.raises(NotDifferentiable, match=said):
        curvature_at(loss, normal(4, 2, seed=1), plain.classes(4, 2), 2)


def test_a_second_derivative_that_torch_lacks_is_told():
    classes = plain.classes(4, 3)
    loss = find_loss(lambda z, y: F.multi_margin_loss(z.exp(), classes))
    found = curvature_at(loss, normal(4, 3, seed=1), classes, 2)
    assert found.gradient.any()
    with pytest.raises(NotDifferentiable, match="no second derivative with respect to outputs"):
        found.product(torch.ones(4, 3, dtype=torch.float64))


def objective(loss: str = "mse") -> nogd.Objective:
    x, y = plain.data(9, 3, 2)
    return nogd.objective(plain.network(3, 4, 2), x, (y > 0).double() if loss == "zero-one" else y, loss=loss)


def curvature(made: nogd.Objective, rows: Tensor | None = None) -> Curvature:
    return made.curvature(made.outputs(nogd.Population(plain.thetas(2, made.D)), rows), rows)


@pytest.mark.parametrize("rows", [None, torch.tensor([1, 5, 5])])
def test_an_objective_knows_the_targets_and_counts_nothing_more(rows):
    made = objective()
    found = curvature(made, rows)
    spent = made.meter.reading()
    again = made.losses(nogd.Population(plain.thetas(2, made.D)), rows)
    torch.testing.assert_close(found.loss, again)
    assert spent["forwards"] == (2 if rows is None else pytest.approx(2 / 3))
    assert (spent["evaluations"], spent["gradients"]) == (2, 0)


def test_what_is_asked_wrongly_is_told():
    made = objective()
    outputs = made.outputs(nogd.Population(plain.thetas(2, made.D)))
    for wrong, what in (
        (outputs[:, :4], "of shape [2, 4, 2]"),
        (outputs[0, 0], "of shape [2]"),
        (3.0, "a float"),
    ):
        with pytest.raises(InvalidSetting, match=re.escape(f"are a tensor [..., 9, 2], not {what}.")):
            made.curvature(wrong)
    with pytest.raises(InvalidSetting, match=r"tangents must be like the outputs, \[2, 9, 2\]"):
        made.curvature(outputs).product(outputs[0])
    refusing = objective("zero-one")
    assert "curvature" not in refusing.features
    with pytest.raises(NotDifferentiable, match="zero-one"):
        curvature(refusing)
