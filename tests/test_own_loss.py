"""What is odd about a loss of one's own is said once, before a run; what is not odd is not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import plain
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nogd
from nogd import Loss
from nogd.engine.layers.chunks import CHUNK_ELEMENTS
from nogd.errors import NogdWarning

pytestmark = pytest.mark.torch_alone

ROWS = 20
X, Y = plain.data(ROWS, 3)
COLUMN = Y[:, 0]


def network() -> nn.Module:
    return plain.network(3, 4, 1)


def objective(loss: Any, targets: Tensor = Y, module: nn.Module | None = None) -> nogd.Objective:
    return nogd.objective(module or network(), X, targets, loss=loss)


def squares(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).square().mean()


def total(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).square().sum()


def flat(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.squeeze(-1) - targets.flatten()).square().mean()


class Flat(nn.Sequential):
    """Outputs [N]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).squeeze(-1)


PAIRED: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "a difference": squares,
    "torch's own": F.huber_loss,
    "a likelihood": lambda o, t: -(t * o.sigmoid().log() + (1 - t) * (1 - o.sigmoid()).log()).mean(),
    "a comparison": lambda o, t: ((o > 0) != (t > 0)).double().mean(),
    "a choice": lambda o, t: torch.where(t > 0, o, -o).mean(),
    "a number of Python's": lambda o, t: (o - t).abs().mean().item(),
}


@pytest.mark.filterwarnings("ignore:Using a target size")  # torch's, of its own losses alone
@pytest.mark.parametrize("name", PAIRED)
def test_outputs_that_meet_every_target_are_said(name):
    with pytest.warns(
        NogdWarning,
        match=r"\[20, 1\] and targets of shape \[20\] meet as \[20, 20\]; give targets\[..., None\]",
    ):
        objective(PAIRED[name], COLUMN)
    with pytest.warns(
        NogdWarning, match=r"\[20\] and targets of shape \[20, 1\] meet .* give targets.squeeze\(-1\)"
    ):
        objective(PAIRED[name], Y, Flat(*network()))


def test_the_cure_gives_the_loss_of_each_output_with_its_target():
    theta = plain.thetas(3, 21)
    cured = objective(squares, COLUMN[..., None]).losses(nogd.Population(theta))
    torch.testing.assert_close(cured, plain.losses(network(), theta, X, Y, F.mse_loss))


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (flat, COLUMN),
        (flat, Y),
        (squares, Y),
        (lambda o, t: (o[:, 0] - t).abs().mean(), COLUMN),
        (lambda o, t: (o.T - t).square().mean(), COLUMN),
        (lambda o, t: F.mse_loss(o.view_as(t), t), COLUMN),
        # Pairs that are meant: of outputs with outputs, as in a ranking.
        (lambda o, t: ((o - o.T) * (t[:, None] - t)).relu().mean(), COLUMN),
        (lambda o, t: F.cross_entropy(torch.cat([o, -o], 1), (t > 0).long()), COLUMN),
        (lambda o, t: (o * t).sum() if o.shape == t.shape else t @ o, COLUMN),
    ],
)
def test_what_meets_as_it_should_is_not_said(loss, targets):
    objective(loss, targets)


def test_a_large_table_of_pairs_is_said_before_it_takes_the_memory():
    rows = 2_000_000  # 4e12 pairs
    x = torch.zeros(rows, 1)
    with pytest.warns(NogdWarning, match=r"meet as \[2000000, 2000000\]"):
        nogd.objective(nn.Linear(1, 1), x, x[:, 0], loss=squares)


class Scaled(nn.Module):
    """A loss with a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.ones(()))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (self.log_scale.exp() * (outputs - targets).square() - self.log_scale).mean()


@pytest.mark.parametrize(
    "given",
    [
        lambda loss: loss,
        lambda loss: loss.forward,
        functools.partial,
        lambda loss: Loss("scaled", loss),
    ],
)
def test_a_parameter_of_the_loss_is_said_not_to_be_searched(given):
    loss = Scaled()
    with pytest.warns(NogdWarning, match=r"has parameters of its own \(log_scale\), which are not searched"):
        made = objective(given(loss))
    assert made.D == 21
    theta = plain.thetas(3, 21)
    with torch.no_grad():
        own = plain.losses(network(), theta, X, Y, loss)
    torch.testing.assert_close(made.losses(nogd.Population(theta)).detach(), own)
    loss.requires_grad_(False)
    objective(given(loss))


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.HuberLoss(), functools.partial(F.huber_loss, delta=2.0)])
def test_torchs_losses_have_none(loss):
    objective(loss)


def streamed(loss: Any, *sizes: int) -> nogd.Objective:
    parts = zip(X.split(sizes), Y.split(sizes), strict=True)
    return nogd.objective(network(), list(parts), loss=loss)


@pytest.mark.parametrize("sizes", [(10, 10), (7, 13), (1, 19)])
def test_a_sum_is_said_to_mean_something_else_of_data_in_batches(sizes):
    with pytest.warns(
        NogdWarning, match=r"'total' is no mean over examples .*divide it by the number of examples"
    ):
        made = streamed(total, *sizes)
    theta = plain.thetas(1, 21)
    parts = [
        plain.losses(network(), theta, x, y, total)
        for x, y in zip(X.split(sizes), Y.split(sizes), strict=True)
    ]
    share = sum(part * size for part, size in zip(parts, sizes, strict=True)) / ROWS
    torch.testing.assert_close(made.losses(nogd.Population(theta)), share)


def test_the_sentence_names_both_numbers():
    module = plain.network(1, 1)
    for p in module.parameters():
        p.data.zero_()
    x, y = torch.zeros(8, 1, dtype=torch.float64), torch.full((8, 1), 2.0, dtype=torch.float64)
    with pytest.warns(NogdWarning, match=r"of the first batch it is 16, the mean of its halves 8\)"):
        nogd.objective(module, [(x[:4], y[:4]), (x[4:], y[4:])], loss=total)


def by_row(outputs: Tensor, targets: Tensor) -> Tensor:
    """A weight for each of ten examples: it cannot be looked at in halves."""
    return (torch.arange(10.0)[:, None] * (outputs - targets).square()).mean()


@pytest.mark.parametrize("loss", ["mse", "huber", squares, nn.L1Loss(), by_row, lambda o, t: 1.0])
def test_a_mean_is_not_said(loss):
    streamed(loss, 10, 10)


def test_in_one_batch_a_sum_is_what_it_is_in_memory():
    theta = nogd.Population(plain.thetas(3, 21))
    torch.testing.assert_close(streamed(total, ROWS).losses(theta), objective(total).losses(theta))


MANY = 700  # of which a chain takes blocks
EACH = torch.linspace(0, 1, MANY, dtype=torch.float64)
NO_MEANS = {
    "a sum": Loss("total", total, lambda z, t: (z - t).square().sum((1, 2))),
    "a weight for each example": Loss(
        "weighted",
        lambda o, t: (EACH[:, None] * (o - t).square()).mean(),
        lambda z, t: (EACH * (z - t).square()).mean((1, 2)),
    ),
}


@pytest.mark.parametrize("name", NO_MEANS)
def test_a_batched_form_is_not_used_where_blocks_would_be_averaged(name):
    loss, (x, y) = NO_MEANS[name], plain.data(MANY, 3)
    module = nn.Sequential(*plain.network(3, 4, 4), nn.LayerNorm(4).double(), *plain.network(4, 1))
    with pytest.warns(NogdWarning, match="its batched form, which is given blocks of them, is not used"):
        made = nogd.objective(module, x, y, loss=loss)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nogd.engine.layers.chain.FEWEST_ROWS", 100)
        patch.setitem(CHUNK_ELEMENTS, "cpu", 300)
        thetas = plain.thetas(3, made.D)
        found = made.losses(nogd.Population(thetas))
    torch.testing.assert_close(found, plain.losses(module, thetas, x, y, loss))


def shared(outputs: Tensor, targets: Tensor) -> Tensor:
    """Of the outputs' signs, so that it has no slope."""
    return ((outputs > 0) != (targets > 0)).to(outputs.dtype).mean()


WITHOUT: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "counts": shared,
    "a number of Python's": lambda o, t: (o - t).square().mean().item(),
    "detached": lambda o, t: squares(o.detach(), t),
    "of its own parameter alone": lambda o, t: nn.Parameter(torch.ones((), dtype=o.dtype)) * shared(o, t),
}
WITH: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "squares": squares,
    "in place": lambda o, t: o.sub_(t).square_().mean(),
    "torch's own": F.huber_loss,
}


@pytest.mark.parametrize("name", [*WITHOUT, *WITH])
def test_whether_a_loss_of_ones_own_has_a_slope_is_found_out(name):
    has, loss = name in WITH, {**WITHOUT, **WITH}[name]
    assert ("curvature" in objective(loss).features) is has
    run = nogd.fit(network(), X, Y, loss=loss, learner="random-search", budget=64)
    assert run.status == "budget"


def test_a_learner_that_needs_the_curvature_is_refused_for_one_without_a_slope():
    assert nogd.fit(network(), X, Y, loss=squares, learner="gauss-newton", budget=64).status == "budget"
    with pytest.raises(nogd.errors.InvalidSetting, match="nothing is known to stand for the loss 'shared'"):
        nogd.fit(network(), X, Y, loss=shared, learner="gauss-newton", budget=64)
