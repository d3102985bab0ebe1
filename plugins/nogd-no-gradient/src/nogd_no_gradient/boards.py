"""Classes on a checkerboard, by networks and losses without a gradient.

The first three are the public cases of PolyStep's examples 07 to 09 (Le 2026, arXiv:2605.01928), written anew, with
data to validate and to test on.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from nogd import Dataset, SupervisedTask
from nogd_no_gradient.layers import HardTree, Sign
from nogd_no_gradient.losses import ONE_MINUS_AUC, ONE_MINUS_F1

FIELDS, NOISE = 3, 0.05


class CheckerboardData(Dataset):
    """2,400 points on a board of 3 x 3 fields, with noise."""

    name: ClassVar[str] = "checkerboard"

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[2400, 2]` of about unit size; targets `[2400, 1]` in {0, 1}."""
        points, bits, rng = _points(2_400, 0)
        return _standardised(points + NOISE * torch.randn(points.shape, generator=rng)), bits[:, None]


class RareData(Dataset):
    """The board with a third of the points in its dark fields."""

    name: ClassVar[str] = "rare-fields"

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[N, 2]` of about unit size; targets `[N, 1]` in {0, 1}, about one in four of them 1."""
        points, bits, rng = _points(4_000, 1)
        light, dark = (bits == 0).nonzero()[:, 0], (bits == 1).nonzero()[:, 0]
        kept = torch.cat([light, dark[: len(light) // 3]])
        noisy = points[kept] + NOISE * torch.randn(len(kept), 2, generator=rng)
        return _standardised(noisy), bits[kept, None]


class _Board(SupervisedTask):
    """What the boards have in common."""

    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    standardise: ClassVar[tuple[str, ...]] = ()
    split: ClassVar[tuple[float, float, float]] = (1 / 6, 1 / 6, 2 / 3)
    differentiable: ClassVar[bool] = False
    default: ClassVar[bool] = False
    tags: ClassVar[frozenset[str]] = frozenset({"classification", "no-gradient"})


class SignBoard(_Board):
    """A checkerboard by 32 units that give -1 or 1, and the share of errors."""

    name: ClassVar[str] = "sign-board"
    why: ClassVar[str] = "PolyStep's example 07: 400 points to train on, 129 parameters, 51,600 evaluations."
    dataset: ClassVar[type[Dataset]] = CheckerboardData
    loss: ClassVar[str] = "zero-one"
    metric: ClassVar[str] = "accuracy"

    def network(self) -> nn.Module:
        """One hidden layer."""
        return _signs(32)


class TreeBoard(_Board):
    """A checkerboard by a hard oblique tree of depth 4, and the share of errors."""

    name: ClassVar[str] = "tree-board"
    why: ClassVar[str] = "PolyStep's example 09: 15 planes, 16 leaves, 61 parameters, 40,000 evaluations."
    dataset: ClassVar[type[Dataset]] = CheckerboardData
    loss: ClassVar[str] = "zero-one"
    metric: ClassVar[str] = "accuracy"

    def network(self) -> nn.Module:
        """A tree in place of layers."""
        return drawn(HardTree(2, 4), 0.3)


class F1Board(_Board):
    """A checkerboard with rare dark fields by 8 units that give -1 or 1, and 1 - F1 as the loss."""

    name: ClassVar[str] = "f1-board"
    why: ClassVar[str] = (
        "PolyStep's example 08: a loss that is no mean over examples; 33 parameters, 16,400 evaluations."
    )
    dataset: ClassVar[type[Dataset]] = RareData
    loss: ClassVar[str] = ONE_MINUS_F1.name
    metric: ClassVar[str] = "f1"

    def network(self) -> nn.Module:
        """One hidden layer."""
        return _signs(8)


class AucBoard(_Board):
    """A checkerboard with rare dark fields by 8 tanh units, and 1 - AUC as the loss."""

    name: ClassVar[str] = "auc-board"
    why: ClassVar[str] = (
        "A smooth network, and a loss of ranks: it moves only where two examples change places."
    )
    dataset: ClassVar[type[Dataset]] = RareData
    loss: ClassVar[str] = ONE_MINUS_AUC.name
    metric: ClassVar[str] = "auc"

    def network(self) -> nn.Module:
        """One hidden layer."""
        return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))


def _points(count: int, seed: int) -> tuple[Tensor, Tensor, Generator]:
    rng = Generator().manual_seed(seed)
    points = FIELDS * torch.rand(count, 2, generator=rng)
    return points, points.floor().sum(1) % 2, rng


def _standardised(points: Tensor) -> Tensor:
    return (points - FIELDS / 2) / (FIELDS / 12**0.5)


def _signs(units: int) -> nn.Module:
    return drawn(nn.Sequential(nn.Linear(2, units), Sign(), nn.Linear(units, 1)), 0.5)


def drawn(module: nn.Module, scale: float) -> nn.Module:
    """The module with all parameters drawn anew, normal with that deviation."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=scale)
    return module
