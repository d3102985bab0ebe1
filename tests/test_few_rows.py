"""Nothing about a module or a loss is learnt from a few rows: some take all examples at once, or know how many."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import plain
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nogd
from nogd.errors import DataError, InvalidSetting, PluginError

pytestmark = pytest.mark.torch_alone

ROWS = 34
D = torch.float64


def numbers(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(5), dtype=D)


WEIGHTS = numbers(ROWS, 1)


class Graph(nn.Module):
    """Two graph convolutions; the adjacency matrix belongs to the module."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 1)
        self.register_buffer("adjacency", numbers(ROWS, ROWS) / ROWS)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.first(self.adjacency @ x))
        return self.last(self.adjacency @ hidden)


class Recurrent(nn.Module):
    """A cell with a hidden state for each example."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.last = nn.RNNCell(3, 4), nn.Linear(4, 1)
        self.register_buffer("hidden", numbers(ROWS, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.cell(x, self.hidden))


class Attentive(nn.Module):
    """Every example looks at all others."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.softmax(self.first(x) @ x.T, dim=1) @ x)


class Masked(nn.Module):
    """Says that it is elementwise, which it is with all examples alone."""

    elementwise = True

    def __init__(self) -> None:
        super().__init__()
        self.mask = numbers(ROWS, 4)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.mask


def weighted(outputs: Tensor, targets: Tensor) -> Tensor:
    """A weight for each example."""
    return (WEIGHTS * (outputs - targets).square()).mean()


def complete(outputs: Tensor, targets: Tensor) -> Tensor:
    """Knows N."""
    if len(outputs) != ROWS:
        raise ValueError(f"{ROWS} examples belong together")
    return (outputs - targets).square().sum() / ROWS


def prelu() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.PReLU(), nn.Linear(4, 1))


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[Tensor, Tensor], Tensor]]] = {
    "a graph network": (Graph, F.mse_loss),
    "a recurrent cell": (Recurrent, F.mse_loss),
    "weights of examples": (prelu, weighted),
    "weights of examples, a stack": (lambda: plain.network(3, 4, 1), weighted),
    "a loss that knows N": (prelu, complete),
    "both": (Graph, weighted),
    "an activation that knows N": (lambda: nn.Sequential(nn.Linear(3, 4), Masked(), nn.Linear(4, 1)), F.mse_loss),
}  # fmt: skip


def made_of(name: str, **more: Any) -> tuple[nn.Module, nogd.Objective, Callable[[Tensor, Tensor], Tensor]]:
    make, loss = CASES[name]
    module = plain.drawn(make().double(), 3, 0.5)
    return module, nogd.objective(module, *plain.data(ROWS, 3), loss=loss, **more), loss


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # torch's, of recurrent cells under vmap
@pytest.mark.parametrize("name", CASES)
def test_the_losses_are_the_modules_own(name):
    module, made, loss = made_of(name)
    theta = plain.read(module)
    described = [
        nogd.Population(plain.thetas(9, made.D)),
        nogd.Line(theta, 1, torch.linspace(-1, 1, 9, dtype=D)),
        nogd.Perturbed(theta, tuple(range(9)), 0.2),
        nogd.LowRank.draw(made.space, theta, 9, 0.2, torch.Generator().manual_seed(1)),
        nogd.Subspace(theta, plain.thetas(5, made.D), 0.2, seeds=(1, 2)),
    ]
    for candidates in described:
        own = plain.losses(module, candidates.dense(), *plain.data(ROWS, 3), loss)
        torch.testing.assert_close(made.losses(candidates), own)
    value, gradient = plain.gradient(module, theta, *plain.data(ROWS, 3), loss)
    found, slope = made.gradient(theta)
    assert math.isclose(found, value, rel_tol=1e-12)
    torch.testing.assert_close(slope, gradient)
    torch.testing.assert_close(made.directional(theta, theta[None])[1], gradient @ theta[None].T)


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # torch's, of recurrent cells under vmap
@pytest.mark.parametrize("learner", ["grid-search", "adam"])
@pytest.mark.parametrize("name", CASES)
def test_they_are_trained(name, learner):
    make, loss = CASES[name]
    module = plain.drawn(make().double(), 3, 0.5)
    x, y = plain.data(ROWS, 3)
    before = loss(module(x), y).item()
    run = nogd.fit(module, x, y, loss=loss, learner=learner, budget=100)
    assert run.loss < before
    assert math.isclose(run.loss, loss(module(x), y).item(), rel_tol=1e-9)


@pytest.mark.parametrize("engine", ["vmap", "loop"])
def test_work_that_grows_with_the_examples_is_counted_in_full(engine):
    made = nogd.objective(Attentive().double(), *plain.data(ROWS, 3), engine=engine)
    made.losses(nogd.Population(plain.thetas(1, made.D)))
    layers, among_examples = 2 * (9 + 3), 2 * (3 * ROWS + 3 * ROWS)
    assert made.meter.flops == ROWS * (layers + among_examples)


@pytest.mark.parametrize("name", ["a graph network", "weights of examples", "a loss that knows N"])
@pytest.mark.parametrize("settings", [{"batch_size": 8}, {"rows": 8}])
def test_a_mini_batch_of_what_needs_all_is_refused_in_a_sentence(name, settings):
    make, loss = CASES[name]
    module = make().double()
    with pytest.raises(InvalidSetting, match=r"mini-batch of 8 of the 34 examples .*leave mini-batches out"):
        nogd.fit(module, *plain.data(ROWS, 3), loss=loss, learner="adam", budget=100, **settings)


def test_batches_of_several_sizes_are_refused_where_the_module_needs_one():
    x, y = plain.data(ROWS + 8, 3)
    batches = [(x[:ROWS], y[:ROWS]), (x[ROWS:], y[ROWS:])]
    streamed = nogd.objective(Graph().double(), batches)
    with pytest.raises(DataError, match=r"batch of 8 rows cannot .* the first one, of 34, .* of one size"):
        streamed.losses(nogd.Population(plain.thetas(2, streamed.D)))


def test_batches_of_the_size_that_the_module_needs_are_scored():
    x, y = plain.data(2 * ROWS, 3)
    module = plain.drawn(Graph().double(), 3, 0.5)
    streamed = nogd.objective(module, [(x[:ROWS], y[:ROWS]), (x[ROWS:], y[ROWS:])])
    thetas = plain.thetas(3, streamed.D)
    halves = [plain.losses(module, thetas, x[p], y[p], F.mse_loss) for p in (slice(ROWS), slice(ROWS, None))]
    torch.testing.assert_close(streamed.losses(nogd.Population(thetas)), sum(halves) / 2)


class Points(nogd.Dataset):
    """As many examples as the loss has weights for."""

    name = "points"

    def load(self) -> tuple[Tensor, Tensor]:
        return plain.data(ROWS, 3, dtype=torch.float32)


class Whole(nogd.SupervisedTask):
    """A loss that takes all examples at once."""

    name = "whole"
    dataset = Points
    loss = weighted
    metric = "r2"
    split = None

    def network(self) -> nn.Module:
        return nn.Linear(3, 1)


class Parted(Whole):
    """The same, split."""

    name = "parted"
    split = (0.6, 0.2, 0.2)


def test_a_task_whose_loss_needs_all_examples_has_no_split():
    with pytest.raises(
        PluginError, match=r"task 'parted' fails on 20 training and \d+ test .* set split to None"
    ):
        Parted().problem(1)
    assert math.isfinite(Whole().problem(1).constant_loss)


def test_what_is_wrong_with_a_loss_of_all_examples_is_told_by_itself():
    def broken(outputs: Tensor, targets: Tensor) -> Tensor:
        raise ArithmeticError("of one's own")

    with pytest.raises(ArithmeticError, match="of one's own"):
        nogd.objective(prelu().double(), *plain.data(ROWS, 3), loss=broken)
