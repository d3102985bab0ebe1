"""Directional derivatives: against the gradient, finite differences and the arithmetic that they are priced by."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import plain
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import nogd
from nogd.engine.accounts.meter import BudgetSpent, Limit
from nogd.engine.black_box import BlackBox
from nogd.engine.cost import Products
from nogd.engine.layers.chunks import CHUNK_ELEMENTS
from nogd.engine.layers.reading import _ELEMENTWISE
from nogd.engine.objective import Objective
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting, NotDifferentiable

pytestmark = pytest.mark.torch_alone

ROWS = 9


class Residual(nn.Module):
    """No stack."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.last = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.inner(x)) + x)


class Tied(nn.Module):
    """One matrix, used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.once = nn.Linear(4, 4)
        self.again = nn.Linear(4, 4)
        self.again.weight = self.once.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.again(torch.tanh(self.once(x)))


class Elsewhere(nn.Module):
    """Keeps a second reference to its weights, where torch.func does not reach it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 2)
        self.kept = [self.inner.weight]

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.kept[0].T) + self.inner.bias


class Cube(torch.autograd.Function):
    """Has no forward mode."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return 3 * ctx.saved_tensors[0] ** 2 * grad


class OnlyBackwards(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return Cube.apply(super().forward(x))


class AsksForValues(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        outputs = super().forward(x)
        return outputs.sin() if outputs.sum().item() > 0 else outputs.cos()


def frozen() -> nn.Module:
    module = plain.network(4, 5, 3, 2, activation=nn.Tanh)
    module[2].weight.requires_grad_(False)
    return module


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Conv2d(3, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 2)
    )


class Straight(torch.autograd.Function):
    """A sign whose slope is taken for one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.sign()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


class Steps(nn.Module):
    elementwise = True

    def forward(self, x: Tensor) -> Tensor:
        return Straight.apply(x)


class Flat(nn.Module):
    elementwise = True

    def forward(self, x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)


MODULES = {
    "stack": lambda: plain.network(4, 5, 3, 2, activation=nn.Tanh),
    "one layer": lambda: nn.Linear(4, 2),
    "relu": lambda: plain.network(4, 6, 2),
    "convolutions": convolutions,
    "residual": Residual,
    "tied": Tied,
    "frozen": frozen,
    "elsewhere": Elsewhere,
    "only backwards": lambda: OnlyBackwards(nn.Linear(4, 2)),
    "asks for values": lambda: AsksForValues(nn.Linear(4, 2)),
    "layer norm": lambda: nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Linear(3, 2)),
}


def make(name: str, loss: Any = "mse", rows: int = ROWS) -> Objective:
    module = plain.drawn(MODULES[name]().double(), seed=5, scale=0.7)
    x = plain.data(rows, 36)[0].view(rows, 1, 6, 6) if name == "convolutions" else plain.data(rows, 4)[0]
    with torch.no_grad():
        outputs = module(x).shape[1]
    y = plain.classes(rows, outputs) if loss == "cross-entropy" else plain.data(rows, 4, outputs)[1]
    return nogd.objective(module, x, y, loss=loss)


def start(made: Objective) -> Tensor:
    return plain.thetas(1, made.D)[0] * 0.7


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("loss", ["mse", "cross-entropy", "huber"])
def test_it_is_the_gradient_along_each_direction(name, loss):
    made = make(name, loss)
    theta, directions = start(made), plain.thetas(5, made.D, seed=1)
    loss_there, gradient = made.gradient(theta)
    found, derivatives = made.directional(theta, directions)
    torch.testing.assert_close(found, loss_there, rtol=1e-12, atol=0)
    torch.testing.assert_close(derivatives, directions @ gradient, rtol=1e-10, atol=1e-13)
    assert not derivatives.requires_grad


@pytest.mark.parametrize("name", ["stack", "convolutions", "residual", "tied", "layer norm"])
def test_it_is_what_differences_tend_to(name):
    made = make(name)
    theta, directions, step = start(made), plain.thetas(4, made.D, seed=1), 1e-6
    _, derivatives = made.directional(theta, directions)
    ahead = made.losses(nogd.Population(theta + step * directions))
    behind = made.losses(nogd.Population(theta - step * directions))
    torch.testing.assert_close(derivatives, (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-7)


def test_rows_pick_a_mini_batch():
    made = make("stack")
    theta, directions, rows = start(made), plain.thetas(3, made.D, seed=1), torch.tensor([4, 1, 7])
    _, gradient = made.gradient(theta, rows)
    _, derivatives = made.directional(theta, directions, rows)
    torch.testing.assert_close(derivatives, directions @ gradient)


@pytest.mark.parametrize("name", ["residual", "stack"])
def test_many_directions_go_through_in_parts(name, monkeypatch):
    made = make(name)
    theta, directions = start(made), plain.thetas(7, made.D, seed=1)
    whole = made.directional(theta, directions)[1]
    monkeypatch.setitem(CHUNK_ELEMENTS, "cpu", 2 * ROWS * (5 if name == "stack" else 4))
    torch.testing.assert_close(made.directional(theta, directions)[1], whole, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", MODULES)
def test_the_first_call_gives_the_same_bits_as_later_ones(name):
    made = make(name)
    theta, directions = start(made), plain.thetas(3, made.D)
    first, again = made.directional(theta, directions), made.directional(theta, directions)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


def test_nothing_is_left_behind():
    made = make("stack")
    theta, before = start(made), copy.deepcopy(made.module.state_dict())
    kept, directions = theta.clone(), plain.thetas(3, made.D, seed=1)
    made.directional(theta, directions)
    assert torch.equal(theta, kept)
    assert torch.equal(directions, plain.thetas(3, made.D, seed=1))
    assert made.module.state_dict().keys() == before.keys()
    assert all(p.grad is None for p in made.module.parameters())


class Computed(Products):
    """Leaves out the product with zeros that torch makes, once a call, for an input without a tangent."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before = self.flops
        result = super().__torch_dispatch__(func, types, args, kwargs)
        if any(isinstance(a, Tensor) and not a.is_meta and not a.any() for a in args):
            self.flops = before
        return result


@pytest.mark.parametrize("name", MODULES)
def test_which_modules_go_forwards(name):
    made = make(name)
    made.directional(start(made), plain.thetas(2, made.D))
    refused = name in ("elsewhere", "only backwards")
    network = made._scorer
    assert network.stack is not None or network._forward_mode is not refused


@pytest.mark.parametrize(
    "activation",
    [nn.ReLU, nn.Tanh, nn.Sigmoid, Steps, Flat, *(kind for kind in _ELEMENTWISE if kind is not nn.Threshold)],
)  # a Threshold is not to be had without settings
def test_a_stacks_own_way_is_that_of_torch(activation):
    module = plain.network(4, 5, 3, 2, activation=activation)
    made = nogd.objective(module, *plain.data(ROWS, 4, 2))
    theta, directions = start(made), plain.thetas(4, made.D, seed=1)
    loss, derivatives = made.directional(theta, directions)
    expected, gradient = made.gradient(theta)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(derivatives, directions @ gradient, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["stack", "one layer", "convolutions", "residual", "tied", "frozen"])
@pytest.mark.parametrize("count", [1, 4])
def test_the_price_is_the_arithmetic_that_is_done(name, count):
    made = make(name, rows=8)
    theta, directions = start(made), plain.thetas(count, made.D, seed=1)
    made.directional(theta, directions)  # looks at the gradient too, once
    before = made.meter.flops
    with Computed() as products:
        made.directional(theta, directions)
    assert products.flops == pytest.approx(made.meter.flops - before)


@pytest.mark.parametrize("widths", [(10, 5, 4, 1), (64, 32, 10), (3, 1)])
def test_the_price_from_the_shapes(widths):
    made = nogd.objective(plain.network(*widths), *plain.data(ROWS, widths[0], widths[-1]))
    products = [a * b for a, b in pairwise(widths)]
    made.directional(start(made), plain.thetas(6, made.D))
    expected = 1 + 6 * (2 - products[0] / sum(products))
    assert made.meter.forwards == pytest.approx(expected, rel=1e-14)
    assert (made.meter.evaluations, made.meter.gradients, made.meter.examples) == (6, 0, ROWS)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(counts=st.lists(st.integers(0, 5), min_size=1, max_size=6), forwards=st.integers(1, 30))
def test_it_fits_the_budget_or_is_not_computed(counts, forwards):
    computed = []

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        computed.append(1)
        return (outputs - targets).square().mean()

    made = make("stack", loss)
    made.begin(start(made), Limit(forwards), None, None)
    spent, evaluations = 0.0, 0
    for count in counts:
        price, before = 1 + count * (made.gradient_cost - 1), len(computed)
        try:
            made.directional(start(made), plain.thetas(count, made.D))
            spent, evaluations = spent + price, evaluations + max(1, count)
        except BudgetSpent:
            assert spent + price > forwards
            assert len(computed) == before
        assert made.meter.forwards == pytest.approx(spent, rel=1e-12)
        assert made.meter.forwards <= forwards
        assert made.meter.evaluations == evaluations


def test_mini_batches_add_up_to_exactly_one():
    made, parts = make("stack"), make("stack")
    theta, directions = start(made), plain.thetas(3, made.D)
    made.directional(theta, directions)
    for k in range(ROWS):
        parts.directional(theta, directions, torch.tensor([k]))
    assert parts.meter.forwards == made.meter.forwards


def test_no_direction_is_the_loss_alone():
    made = make("stack")
    loss, derivatives = made.directional(start(made), torch.empty(0, made.D, dtype=torch.float64))
    assert derivatives.shape == (0,)
    torch.testing.assert_close(loss, made.losses(nogd.Population(start(made)[None]))[0], rtol=1e-12, atol=0)
    assert made.meter.forwards == 2


def test_a_target_is_met_by_the_loss_there():
    run = nogd.fit(MODULES["stack"](), *plain.data(ROWS, 4, 2), learner=Downhill(), budget=500, target=0.9)
    assert run.status == "target"
    assert run.loss <= 0.9


class Downhill(nogd.Learner):
    """Forward gradients: moves along random directions by their own slopes."""

    name = "test-downhill"

    def init(self, objective, theta, rng):
        return nogd.State(theta=theta)

    def step(self, objective, state):
        directions = plain.thetas(3, objective.D, seed=state.iteration)
        _, slopes = objective.directional(state.theta, directions)
        state.theta -= 0.02 * slopes @ directions
        state.iteration += 1


def test_where_there_is_no_gradient():
    module = plain.network(3, 2)
    for made in (
        nogd.objective(module, *plain.data(ROWS, 3, 2), loss="zero-one"),
        Objective(BlackBox(module, ParameterSpace(module), lambda module: 0.0)),
    ):
        with pytest.raises(NotDifferentiable):
            made.directional(plain.read(module), plain.thetas(2, made.D))
        assert made.meter.evaluations == 0


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 2, 37)])
def test_directions_of_a_wrong_shape(shape):
    made = make("stack")
    with pytest.raises(InvalidSetting, match=r"directions have shape .* needs \[K, "):
        made.directional(start(made), torch.zeros(shape))
    assert made.meter.evaluations == 0


def test_a_loss_of_ones_own_and_a_network_without_a_gradient():
    made = make("stack", F.l1_loss)
    made.directional(start(made), plain.thetas(2, made.D))
    flat = make("stack", lambda outputs, targets: torch.zeros(()))
    assert flat.directional(start(flat), plain.thetas(2, flat.D))[1].tolist() == [0, 0]
