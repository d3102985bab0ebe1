"""LowRank through any module: thin products where it multiplies by its weights, for losses and outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plain
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_networks import freezings, images, vectors
from torch import Generator, Tensor, nn
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

import nogd
from nogd.engine.candidates.low_rank import LowRank
from nogd.engine.modules.thin import ThinSum
from nogd.engine.objective import Objective

ROWS, D = 6, torch.float64


def transformer(width: int = 8, inner: int = 16) -> nn.Module:
    layer = nn.TransformerEncoderLayer(width, 2, inner, batch_first=True)
    return nn.TransformerEncoder(layer, 2)


class Crossed(nn.Module):
    """Attention to other values, and projections that are not packed."""

    def __init__(self) -> None:
        super().__init__()
        self.packed = nn.MultiheadAttention(8, 2, batch_first=True)
        self.apart = nn.MultiheadAttention(8, 2, batch_first=True, kdim=4, vdim=6)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.packed(x, x.flip(1), x.flip(1))[0]
        return self.apart(mixed, x[..., :4], x[..., 2:])[0].mean(1)


class Words(nn.Module):
    """Looks up words, and says which is next by the same table."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.mix = nn.Embedding(7, 5, padding_idx=0), nn.Linear(5, 5, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(self.table(x)).mean(1) @ self.table.weight.T


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.unit = nn.GRU(8, 5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(x)[0][:, -1]


class Odd(nn.Module):
    """What is no product is done with the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.pair, self.scale = nn.Bilinear(8, 8, 3), nn.LayerNorm([3, 8])
        self.back = nn.Linear(3, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.scale(x)
        return self.pair(x, x).mean(1) + self.back.weight.square().mean() + x.sum((1, 2))[:, None]


class Grouped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ConvTranspose1d(3, 4, 3)
        self.groups = nn.Conv1d(4, 4, 3, groups=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.groups(torch.relu(self.down(x))).mean(2)


class Images(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lines = nn.Conv1d(3, 5, 3, padding="same")
        self.squares = nn.Conv2d(1, 4, (2, 3), stride=2, padding=1, dilation=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.squares(torch.relu(self.lines(x))[:, None]).flatten(1)


class Kept(nn.Module):
    """It keeps its weights where nobody can replace them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)
        self.held = [self.layer.weight]

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.held[0].T).mean(1)


class Asking(nn.Module):
    """It asks for the address of its weights, which a sum that is not written out does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        if not self.layer.weight.data_ptr():
            raise ValueError
        return self.layer(x).mean(1)


THIN: dict[str, Callable[[], nn.Module]] = {
    "transformer": transformer,
    "attention to others": Crossed,
    "words": Words,
    "recurrent": Recurrent,
    "images": Images,
}
OTHERS: dict[str, Callable[[], nn.Module]] = {
    "odd": Odd,
    "in groups": Grouped,
    "kept elsewhere": Kept,
    "asks for addresses": Asking,
}


def objective(module: nn.Module, **more: Any) -> tuple[Objective, Tensor, Tensor]:
    module = plain.drawn(module.double().eval(), 0, 0.5)
    x = torch.randn(ROWS, 3, 8, generator=Generator().manual_seed(1), dtype=D)
    x = (x.abs() * 3).long()[:, 0] % 7 if isinstance(module, Words) else x
    with torch.no_grad():
        y = module(x) + 1
    return nogd.objective(module, x, y, **more), x, y


def candidates(made: Objective, count: int = 3, rank: int = 2) -> LowRank:
    theta = plain.read(made.module)
    return LowRank.draw(made.space, theta, count, 0.3, Generator().manual_seed(3), rank=rank)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """The sums that were written out; every network counts as large."""
    found: list[torch.Size] = []
    own = ThinSum.written_out

    def noted(thin: ThinSum) -> Tensor:
        found.append(thin.shape)
        return own(thin)

    monkeypatch.setattr(ThinSum, "written_out", noted)
    monkeypatch.setattr("nogd.engine.candidates.scoring.SMALL", 0)
    return found


@pytest.mark.parametrize("name", [*THIN, *OTHERS])
@pytest.mark.parametrize("rows", [None, torch.tensor([4, 0, 4])])
def test_losses_are_those_written_out(name: str, rows: Tensor | None, written: list[torch.Size]):
    made, x, y = objective((THIN | OTHERS)[name]())
    asked = candidates(made)
    before = plain.read(made.module)
    own_x, own_y = (x, y) if rows is None else (x[rows], y[rows])
    expected = plain.losses(made.module, asked.dense(), own_x, own_y, nn.functional.mse_loss)
    plain.write(before, made.module)
    for _ in range(2):
        torch.testing.assert_close(made.losses(asked, rows), expected)
    assert made._scorer.thin.works is (name not in ("kept elsewhere", "asks for addresses"))
    assert bool(written) is (name in ("odd", "in groups"))


@pytest.mark.parametrize("name", [*THIN, *OTHERS])
@pytest.mark.parametrize("rows", [None, torch.tensor([4, 0, 4])])
def test_outputs_are_those_written_out(name: str, rows: Tensor | None, written: list[torch.Size]):
    made, x, _ = objective((THIN | OTHERS)[name]())
    asked, before = candidates(made), plain.read(made.module)
    expected = plain.outputs(made.module, asked.dense(), x if rows is None else x[rows])
    plain.write(before, made.module)
    for _ in range(2):
        torch.testing.assert_close(made.outputs(asked, rows), expected)
    assert made._scorer.thin.works is (name not in ("kept elsewhere", "asks for addresses"))
    assert bool(written) is (name in ("odd", "in groups"))


@pytest.mark.parametrize("engine", ["stack", "loop"])
def test_outputs_are_cut_off_where_the_modules_own_are(engine: Any, written: list[torch.Size]):
    """Infinity and a move of it make none, which the next activation would have cut off."""
    module = nn.Sequential(nn.Linear(1, 2), nn.Hardtanh(), nn.Linear(2, 1)).double()
    plain.write(torch.tensor([1e308, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0], dtype=D), module)
    x = torch.tensor([[10.0], [-1e300]], dtype=D)
    made = nogd.objective(module, x, torch.zeros(2, 1, dtype=D), engine=engine)
    factors = [
        (torch.full((2, n, 1), -1e300, dtype=D), torch.ones(2, k, 1, dtype=D)) for n, k in [(2, 1), (1, 2)]
    ]
    left = (factors[0][0], torch.zeros(2, 2, dtype=D), factors[1][0] * 0, torch.zeros(2, 1, dtype=D))
    asked = LowRank(plain.read(module), left, (factors[0][1], None, factors[1][1], None), 1.0)
    expected = plain.outputs(module, asked.dense(), x)
    assert expected.isfinite().all()
    torch.testing.assert_close(made.outputs(asked), expected)


@pytest.mark.parametrize("kind", ["vectors", "image"])
@settings(
    deadline=None,
    derandomize=True,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    data=st.data(),
    engine=st.sampled_from(["chain", "loop", None]),
    rank=st.integers(1, 3),
    count=st.sampled_from([0, 1, 4]),
)
def test_of_random_networks_too(kind: str, data: Any, engine: Any, rank: int, count: int, written: list[Any]):
    layers, shape = (images(2, 6), (2, 6, 6)) if kind == "image" else (vectors(5), (5,))
    module = data.draw(freezings(nn.Sequential(*data.draw(layers))))
    x = torch.randn(ROWS, *shape, generator=Generator().manual_seed(1), dtype=D)
    with torch.no_grad():
        y = module(x) + 1
    made = nogd.objective(module, x, y, engine=engine)
    asked = candidates(made, count, rank)
    found = made.losses(asked)
    if count:
        torch.testing.assert_close(found, plain.losses(module, asked.dense(), x, y, nn.functional.mse_loss))
        torch.testing.assert_close(made.outputs(asked), plain.outputs(module, asked.dense(), x))


class Largest(TorchDispatchMode):
    """Elements of the largest tensor that is made."""

    most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(isinstance(each, ThinSum) for each in _pytree.tree_leaves((args, kwargs))):
            with self:  # what it does with the parts of the sum counts, too
                return ThinSum.__torch_dispatch__(func, types, args, kwargs)
        made = func(*args, **(kwargs or {}))
        if not func.is_view:
            sizes = [each.numel() for each in _pytree.tree_leaves(made) if isinstance(each, Tensor)]
            self.most = max([self.most, *sizes])
        return made


def test_no_tensor_is_as_large_as_a_matrix_of_a_large_transformer():
    """Of 99,968 parameters, 16,384 of them in the largest matrix."""
    module = transformer(64, 256).eval()
    x = torch.randn(2, 3, 64, generator=Generator().manual_seed(1))
    made = nogd.objective(module, x, x)
    asked = LowRank.draw(made.space, made.space.read(module), 5, 0.01, Generator().manual_seed(3))
    expected = made.losses(nogd.Population(asked.dense()))
    # The first time one is written out, to be compared.
    torch.testing.assert_close(made.losses(asked), expected)
    with Largest() as seen:
        made.losses(asked)
    assert seen.most <= 6 * 256
    with Largest() as seen:
        outputs = made.outputs(asked)
    assert seen.most == outputs.numel() == 5 * 6 * 64
    with Largest() as dense:
        made.losses(nogd.Population(asked.dense()))
    assert dense.most >= made.D


def test_in_train_mode_its_masks_are_those_of_the_others(written: list[torch.Size]):
    module = nn.Sequential(nn.Linear(8, 8), nn.Dropout(), nn.Flatten(), nn.Linear(24, 2)).double()
    x = torch.randn(ROWS, 3, 8, generator=Generator().manual_seed(1), dtype=D)
    found = []
    for dense in (False, True):
        made = nogd.objective(module, x, torch.zeros(ROWS, 2, dtype=D), mode="train")
        made.begin(plain.read(module), nogd.engine.accounts.meter.Limit(), None, None)
        asked = candidates(made)
        found.append(made.losses(nogd.Population(asked.dense()) if dense else asked))
    torch.testing.assert_close(*found)
