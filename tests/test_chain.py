"""Populations through chains of layers give what the user's own module gives, called one by one."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import plain
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import FEATURES, HALVES, freezings, images, vectors
from torch import Tensor, nn

import nogd
from nogd.engine.layers import chain
from nogd.engine.layers.chain import Chain
from nogd.engine.layers.chunks import CHUNK_ELEMENTS
from nogd.engine.objective import Objective
from nogd.errors import InvalidSetting, NogdWarning

pytestmark = pytest.mark.torch_alone

D = torch.float64


def engine(objective: Objective) -> str:
    return objective.engine.partition(":")[0]


def agree(
    module: nn.Module, x: Tensor, loss: str, count: int, name: str = "chain", wild: float | None = None
) -> None:
    """Compare the losses of `count` candidates; wild: a value for one number of the first."""
    outputs = module(x).shape[1]
    y = plain.classes(len(x), outputs) if loss == "cross-entropy" else plain.data(len(x), 1, outputs)[1]
    y = (y > 0).to(D) if loss == "binary-cross-entropy" else y
    objective = nogd.objective(module, x, y.to(x.dtype) if y.is_floating_point() else y, loss=loss)
    assert engine(objective) in (name, "stack", "compiled")
    candidates = plain.thetas(count, objective.D, dtype=x.dtype)
    if wild is not None:
        candidates[:1, objective.D // 2] = wild
    found = objective.losses(nogd.Population(candidates))
    assert (found.shape, found.dtype) == ((count,), x.dtype)
    rows = torch.arange(0, len(x), 2)
    some = objective.losses(nogd.Population(candidates), rows)
    if count:
        exact = x.dtype == D
        close = {"rtol": 1e-9 if exact else 2e-3, "atol": 1e-9 if exact else 1e-3}
        y = objective.targets
        expected = plain.losses(module, candidates, x, y, plain.LOSSES[loss])
        torch.testing.assert_close(found, ranked(expected), **close)
        expected = plain.losses(module, candidates, x[rows], y[rows], plain.LOSSES[loss])
        torch.testing.assert_close(some, ranked(expected), **close)


def ranked(losses: Tensor) -> Tensor:
    return losses.nan_to_num(math.inf, math.inf, math.inf)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    data=st.data(),
    features=FEATURES,
    image=HALVES,
    loss=st.sampled_from(sorted(plain.LOSSES)),
    rows=st.integers(1, 30),
    count=st.sampled_from([0, 1, 2, 13]),
    small=HALVES,
    wild=st.sampled_from([None, None, math.nan, math.inf, -math.inf]),
)
def test_random_chains(data, features, image, loss, rows, count, small, wild):
    side = data.draw(st.integers(6, 9))
    shape = (data.draw(st.integers(1, 3)), side, side) if image else (features,)
    layers = data.draw(images(shape[0], side) if image else vectors(features))
    module = data.draw(freezings(nn.Sequential(*layers)))
    x = plain.data(rows, math.prod(shape))[0].view(rows, *shape)
    with pytest.MonkeyPatch.context() as patch:
        if small:  # many chunks of candidates, and blocks of examples
            patch.setitem(CHUNK_ELEMENTS, "cpu", 300)
            patch.setattr(chain, "FEWEST_ROWS", 4)
            patch.setattr(chain, "FEWEST_IMAGES", 4)
        agree(module, x, loss, count, wild=math.nan if wild and image else wild)


@pytest.mark.parametrize("rows", [1, 7, 600])
def test_blocks_of_examples_cover_all(rows, monkeypatch):
    monkeypatch.setitem(CHUNK_ELEMENTS, "cpu", 64)
    module = nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 3)).double()
    agree(module, plain.data(rows, 5)[0], "cross-entropy", 5)


def test_single_precision():
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 2))
    agree(module, plain.data(9, 2 * 64, dtype=torch.float32)[0].view(9, 2, 8, 8), "cross-entropy", 6)


class Modern(nn.Module):
    """Layers in a list, called in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(12, 6), nn.Linear(6, 6), nn.Linear(6, 2)])
        self.drop = nn.Dropout()

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = self.drop(torch.tanh(layer(x)))
        return self.layers[-1](x)


class Classic(nn.Module):
    """As tutorials write it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 2, 3), nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU())
        self.last = nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.first(x)), 2)
        x = F.avg_pool2d(self.second(x), kernel_size=1, stride=1)
        x = F.dropout(x, 0.3, self.training)
        x = F.leaky_relu(x, 0.2).tanh()
        x = x.view(x.size(0), -1).reshape(x.shape[0], -1).flatten(1)
        return self.last(torch.flatten(x, start_dim=1))


def test_a_forward_of_ones_own_that_is_a_chain():
    agree(nn.Sequential(Modern(), nn.ELU(), nn.Linear(2, 2)).double().eval(), plain.data(9, 12)[0], "mse", 5)
    agree(Modern().double().eval(), plain.data(9, 12)[0], "mse", 5, "stack")
    agree(Classic().double().eval(), plain.data(9, 100)[0].view(9, 1, 10, 10), "cross-entropy", 5)


class Odd(nn.Module):
    """Looks like a chain; between says what it does really."""

    def __init__(self, between: Callable[[Odd, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.last, self.between, self.calls = nn.Linear(3, 3), nn.Linear(3, 1), between, 0
        self.register_buffer("seen", torch.zeros(1))
        self.shift = torch.ones(3, dtype=D)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.between(self, x, self.first(x)))


def counted(module: Odd, x: Tensor, z: Tensor) -> Tensor:
    module.calls += 1
    return z


def counted_in_a_buffer(module: Odd, x: Tensor, z: Tensor) -> Tensor:
    module.seen.add_(1)
    return z


def reused(module: Odd, x: Tensor, z: Tensor) -> Tensor:
    module.last(torch.tanh(z))
    return z


ODD = {
    "residual": lambda module, x, z: x + z,
    "residual in place": lambda module, x, z: z.add_(x),
    "multiplied": lambda module, x, z: 2 * z,
    "constant": lambda module, x, z: z + module.shift,
    "functional": lambda module, x, z: F.linear(z, module.first.weight),
    "softmax": lambda module, x, z: torch.softmax(z, -1),
    "over examples": lambda module, x, z: torch.flatten(z).view(x.size(0), 3),
    "reused": reused,
    "other shape": lambda module, x, z: z.view(-1, x.size(0)).reshape(x.size(0), -1),
    "counts calls": counted,
    "counts in a buffer": counted_in_a_buffer,
    "another while it is traced": lambda _, x, z: z.tanh() if isinstance(x, Tensor) else z.relu(),
    "detached": lambda module, x, z: z.detach().relu(),
}


@pytest.mark.filterwarnings("ignore::nogd.errors.NogdWarning")
@pytest.mark.parametrize("how", ODD)
def test_what_only_looks_like_a_chain(how):
    module = Odd(ODD[how]).double()
    x, y = plain.data(9, 3)
    objective = nogd.objective(module, x, y)
    assert engine(objective) == "vmap"
    candidates = plain.thetas(9, objective.D)
    found = objective.losses(nogd.Population(candidates))
    torch.testing.assert_close(found, plain.losses(module, candidates, x, y, F.mse_loss))


class LowPrecision(nn.Module):
    """Computes in another type than it holds, which no trace shows."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.layer(x)


def test_a_forward_in_low_precision_is_no_chain():
    x, y = plain.data(9, 3, dtype=torch.float32)
    assert "gives other outputs" in nogd.objective(LowPrecision(), x, y).engine


@pytest.mark.parametrize("roll", [lambda: torch.rand(1) < 0, lambda: __import__("random").random() < 0])
def test_a_forward_that_rolls_dice_is_no_chain_and_tracing_disturbs_nobody(roll):
    class Dice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(-x if roll() else x)

    with pytest.warns(NogdWarning, match="draws random numbers in eval mode too"):
        objective = nogd.objective(Dice().double(), *plain.data(9, 3))
    assert "not the same every time" in objective.engine


REFUSED = {
    "grouped convolution": lambda: nn.Conv2d(2, 2, 3, groups=2),
    "convolution that pads by itself": lambda: nn.Conv2d(2, 2, 3, padding="same"),
    "circular convolution": lambda: nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"),
    "padded pool": lambda: nn.MaxPool2d(3, 1, padding=1),
    "pool that rounds up": lambda: nn.MaxPool2d(2, ceil_mode=True),
    "pool with a divisor": lambda: nn.AvgPool2d(2, divisor_override=3),
    "flattens less": lambda: nn.Flatten(2),
    "batch norm that keeps nothing": lambda: nn.BatchNorm2d(2, track_running_stats=False),
    "linear over the last axis": lambda: nn.Linear(6, 2),
    "group norm": lambda: nn.GroupNorm(1, 2),
}


@pytest.mark.filterwarnings("ignore::nogd.errors.NogdWarning")
@pytest.mark.parametrize("kind", REFUSED)
def test_layers_of_a_kind_that_is_not_known(kind):
    odd = REFUSED[kind]()
    x, y = plain.data(9, 72)
    x = x.view(9, 2, 6, 6)
    wide = odd.double()(x).flatten(1).shape[1]
    module = nn.Sequential(odd, nn.ReLU(), nn.Flatten(), nn.Linear(wide, 1)).double()
    objective = nogd.objective(module, x, y)
    assert engine(objective) in ("vmap", "loop")
    candidates = plain.thetas(9, objective.D)
    found = objective.losses(nogd.Population(candidates))
    torch.testing.assert_close(found, plain.losses(copy.deepcopy(module), candidates, x, y, F.mse_loss))


def test_hooks_on_all_modules_are_noticed():
    handle = nn.modules.module.register_module_forward_hook(lambda module, inputs, outputs: outputs * 2)
    try:
        assert engine(nogd.objective(plain.network(3, 1), *plain.data(9, 3))) == "vmap"
    finally:
        handle.remove()


def test_a_chain_that_gives_other_outputs_than_the_module_is_not_used(monkeypatch):
    monkeypatch.setattr(
        Chain, "forward", lambda self, thetas, inputs: torch.zeros(len(thetas), 1, len(inputs))
    )
    assert "gives other outputs" in nogd.objective(plain.network(3, 1), *plain.data(9, 3)).engine


@pytest.mark.parametrize("name", ["stack", "chain", "vmap", "loop"])
def test_an_engine_can_be_asked_for(name):
    module, (x, y) = plain.network(3, 4, 1), plain.data(9, 3)
    objective = nogd.objective(module, x, y, engine=name)
    assert engine(objective) == name
    candidates = plain.thetas(5, objective.D)
    expected = plain.losses(module, candidates, x, y, F.mse_loss)
    torch.testing.assert_close(objective.losses(nogd.Population(candidates)), expected)
    line = nogd.Line(candidates[0], 3, torch.linspace(-1, 1, 4, dtype=D))
    on_line = plain.losses(module, line.dense(), x, y, F.mse_loss)
    torch.testing.assert_close(objective.walk(candidates[0].clone()).losses(3, line.values), on_line)


def test_an_engine_that_cannot_score_the_module():
    data = plain.data(9, 3)
    with pytest.raises(InvalidSetting, match="cannot score this module, as it is a Odd that calls softmax"):
        nogd.objective(Odd(ODD["softmax"]).double(), *data, engine="chain")
    norm = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1)).double()
    with pytest.raises(InvalidSetting, match="no stack of linear layers"):
        nogd.objective(norm, *data, engine="stack")
    with pytest.raises(
        InvalidSetting, match="engine must be one of compiled, stack, chain, vmap, loop, not 'fast'"
    ):
        nogd.objective(norm, *data, engine="fast")


class Norm(nn.Module):
    """No chain; wide makes it too large to gain from vmap."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, wide), nn.Linear(wide, 1)

    def forward(self, x: Tensor) -> Tensor:
        z = self.first(x)
        return self.last(z + z.sin())


@pytest.mark.parametrize(("wide", "name"), [(4, "vmap"), (3_000, "loop")])
def test_what_is_not_understood_is_called_by_its_size(wide, name):
    module, (x, y) = Norm(wide).double(), plain.data(90, 3)
    objective = nogd.objective(module, x, y)
    assert engine(objective) == name
    candidates = plain.thetas(70, objective.D)
    expected = plain.losses(module, candidates, x, y, F.mse_loss)
    torch.testing.assert_close(objective.losses(nogd.Population(candidates)), expected)
