"""What a network cannot be given is named, with what would be right: several inputs, dicts, scripted modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plain
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import nogd
from nogd.errors import DataError, InvalidSetting

pytestmark = pytest.mark.torch_alone

ROWS = 12
X, Y = plain.data(ROWS, 3)


def scripted(**frozen: bool) -> nn.Module:
    module = plain.network(3, 4, 1, activation=nn.Tanh)
    module[0].bias.requires_grad_(not frozen)
    return module


WAYS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "scripted": torch.jit.script,
    "traced": lambda module: torch.jit.trace(module, X),
    "a scripted part": lambda module: nn.Sequential(torch.jit.script(module[:2]), module[2]),
}


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("frozen", [{}, {"frozen": True}])
@pytest.mark.parametrize("way", WAYS)
def test_a_scripted_module_is_scored_as_the_one_that_it_was_made_from(way, frozen):
    module = scripted(**frozen)
    given = WAYS[way](scripted(**frozen))
    made, plain_one = nogd.objective(given, X, Y), nogd.objective(module, X, Y)
    assert made.engine.startswith("loop: it is scripted")
    thetas = plain.thetas(9, plain_one.D)
    torch.testing.assert_close(
        made.losses(nogd.Population(thetas)), plain_one.losses(nogd.Population(thetas))
    )
    torch.testing.assert_close(made.gradient(thetas[0])[1], plain_one.gradient(thetas[0])[1])
    torch.testing.assert_close(
        made.directional(thetas[0], thetas)[1], plain_one.directional(thetas[0], thetas)[1]
    )
    before = plain.read(given)
    assert torch.equal(before, plain.read(module))  # all was done with a copy
    run = nogd.fit(given, X, Y, learner="random-search", budget=20)
    assert F.mse_loss(given(X), Y).item() == pytest.approx(run.loss)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_scripted_statistics_that_hold_nothing_are_named():
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 1)).to(X)
    with pytest.raises(InvalidSetting, match="scripted batch normalisation that has seen no data"):
        nogd.objective(torch.jit.script(module), X, Y)
    module(X)
    made, plain_one = nogd.objective(torch.jit.script(module.eval()), X, Y), nogd.objective(module, X, Y)
    thetas = nogd.Population(plain.thetas(9, plain_one.D))
    torch.testing.assert_close(made.losses(thetas), plain_one.losses(thetas))


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 1), nn.Linear(3, 1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.first(a) + self.second(b)


class ByName(Two):
    def forward(self, *, a: Tensor) -> Tensor:
        return self.first(a)


class Alone(Two):
    def forward(self) -> Tensor:
        return self.first(X)


class Optional(Two):
    def forward(self, a: Tensor, b: Tensor | None = None) -> Tensor:
        return self.first(a)


class AnyNumber(Two):
    def forward(self, *a: Tensor) -> Tensor:
        return self.first(*a)


@pytest.mark.parametrize("inputs", [X, X > 0], ids=["numbers", "booleans"])
@pytest.mark.parametrize(("module", "takes"), [(Two, "a, b"), (ByName, "a"), (Alone, "nothing")])
def test_a_forward_that_does_not_take_one_tensor_is_named(module, takes, inputs):
    with pytest.raises(
        DataError, match=rf"the module's forward takes {takes}, but it is given one tensor; (give|wrap it)"
    ):
        nogd.objective(module().double(), inputs, Y)


@pytest.mark.parametrize("module", [Optional, AnyNumber])
def test_a_forward_that_takes_one_tensor_among_others_is_called(module):
    assert nogd.objective(module().double(), X, Y).D == 8
    with pytest.raises(DataError, match=r"cannot process inputs of shape \[12, 2\] and type torch.float64"):
        nogd.objective(module().double(), X[:, :2], Y)


class Examples(Dataset):
    """Of a shape of one's own."""

    def __init__(self, make: Callable[[Tensor, Tensor], Any]) -> None:
        self.make = make

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, k: int) -> Any:
        return self.make(X[k], Y[k])


SOURCES: dict[str, Callable[[Callable[[Tensor, Tensor], Any]], Any]] = {
    "batches": lambda make: [make(X[:8], Y[:8]), make(X[8:], Y[8:])],
    "dataset": Examples,
    "loader": lambda make: DataLoader(Examples(make), batch_size=5),
}
SHAPES: dict[str, tuple[Callable[[Tensor, Tensor], Any], str]] = {
    "a dict": (lambda x, y: {"x": x, "y": y},
               r"pairs \(inputs, targets\), but batch 0 is a dict that holds 'x', 'y'; choose two of them"),
    "three": (lambda x, y: (x, x, y), r"batch 0 is a (tuple|list) of 3; several inputs are a tuple or a dict"),
    "a dict of inputs": (lambda x, y: ({"x": x}, y), "forward takes a, b, but it is given a dict of x; give several"),
    "three inputs": (lambda x, y: ((x, x, x), y), "forward takes a, b, but it is given a tuple of 3; give several"),
}  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("shape", SHAPES)
def test_batches_of_another_kind_are_named(source, shape):
    make, sentence = SHAPES[shape]
    with pytest.raises(DataError, match=sentence):
        nogd.objective(Two().double(), SOURCES[source](make))


def test_data_in_memory_that_are_given_as_one_are_named():
    with pytest.raises(DataError, match=r"batch 0 is a Tensor; .* given side by side: inputs, targets"):
        nogd.objective(nn.Linear(3, 1).double(), (X, Y))
