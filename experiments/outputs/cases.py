"""The public cases of PolyStep's examples 07 to 09 (arXiv:2605.01928): generated data, networks without a gradient.

Data, networks, starts and budgets are as described there; written anew, and with data to validate and to test on.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from nogd_images.networks import Sign
from torch import Generator, Tensor, nn

import nogd
from nogd import Dataset, SupervisedTask

FIELDS, NOISE = 3, 0.05


def _points(count: int, seed: int) -> tuple[Tensor, Tensor, Generator]:
    rng = Generator().manual_seed(seed)
    points = FIELDS * torch.rand(count, 2, generator=rng)
    return points, points.floor().sum(1) % 2, rng


def _standardised(points: Tensor) -> Tensor:
    return (points - FIELDS / 2) / (FIELDS / 12**0.5)


class CheckerboardData(Dataset):
    """2,400 points on a board of 3 x 3 fields, with noise."""

    name: ClassVar[str] = "checkerboard"

    def load(self) -> tuple[Tensor, Tensor]:
        points, bits, rng = _points(2_400, 0)
        return _standardised(points + NOISE * torch.randn(points.shape, generator=rng)), bits[:, None]


class RareData(Dataset):
    """The board with a quarter of the points in its dark fields."""

    name: ClassVar[str] = "rare-fields"

    def load(self) -> tuple[Tensor, Tensor]:
        points, bits, rng = _points(4_000, 1)
        light, dark = (bits == 0).nonzero()[:, 0], (bits == 1).nonzero()[:, 0]
        kept = torch.cat([light, dark[: len(light) // 3]])
        noisy = points[kept] + NOISE * torch.randn(len(kept), 2, generator=rng)
        return _standardised(noisy), bits[kept, None]


class HardTree(nn.Module):
    """A full tree of planes: each node sends an example to one side, each leaf gives one number."""

    def __init__(self, inputs: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        self.nodes = nn.Linear(inputs, 2**depth - 1)
        self.leaves = nn.Linear(2**depth, 1, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        right = (self.nodes(inputs) > 0).to(torch.int64)
        node = torch.zeros_like(right[:, :1])
        for _ in range(self.depth):
            node = 2 * node + 1 + right.gather(1, node)
        leaf = node - (2**self.depth - 1)
        return self.leaves((leaf == torch.arange(2**self.depth)).to(inputs.dtype))


def drawn(module: nn.Module, scale: float) -> nn.Module:
    """The module with all parameters drawn anew, normal with that deviation."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=scale)
    return module


def one_minus_f1(outputs: Tensor, targets: Tensor) -> Tensor:
    """1 - F1 of the rarer class; no gradient."""
    said = (outputs > 0).to(targets.dtype)
    right = (said * targets).sum()
    return 1 - 2 * right / (said.sum() + targets.sum()).clamp_min(1)


class _Case(SupervisedTask):
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    standardise: ClassVar[tuple[str, ...]] = ()
    split: ClassVar[tuple[float, float, float]] = (1 / 6, 1 / 6, 2 / 3)
    differentiable: ClassVar[bool] = False
    default: ClassVar[bool] = False
    tags: ClassVar[frozenset[str]] = frozenset({"classification", "no-gradient"})


class SignBoard(_Case):
    """A checkerboard by 32 units that give -1 or 1, and the share of errors."""

    name: ClassVar[str] = "sign-board"
    why: ClassVar[str] = "Example 07: 400 points to train on, 129 parameters, 51,600 evaluations."
    dataset: ClassVar[type[Dataset]] = CheckerboardData
    loss: ClassVar[str] = "zero-one"
    metric: ClassVar[str] = "accuracy"

    def network(self) -> nn.Module:
        return drawn(nn.Sequential(nn.Linear(2, 32), Sign(surrogate=False), nn.Linear(32, 1)), 0.5)


class SmoothBoard(SignBoard):
    """The same with a surrogate gradient and cross-entropy, for gradient descent."""

    name: ClassVar[str] = "sign-board-surrogate"
    why: ClassVar[str] = "What gradient descent makes of it."
    loss: ClassVar[str] = "binary-cross-entropy"
    differentiable: ClassVar[bool] = True

    def network(self) -> nn.Module:
        return drawn(nn.Sequential(nn.Linear(2, 32), Sign(surrogate=True), nn.Linear(32, 1)), 0.5)


class TreeBoard(_Case):
    """A checkerboard by a hard oblique tree of depth 4, and the share of errors."""

    name: ClassVar[str] = "tree-board"
    why: ClassVar[str] = "Example 09: 15 planes, 16 leaves, 61 parameters, 40,000 evaluations."
    dataset: ClassVar[type[Dataset]] = CheckerboardData
    loss: ClassVar[str] = "zero-one"
    metric: ClassVar[str] = "accuracy"

    def network(self) -> nn.Module:
        return drawn(HardTree(2, 4), 0.3)


class F1Board(_Case):
    """A checkerboard with rare dark fields by 8 units that give -1 or 1, and 1 - F1 as the loss."""

    name: ClassVar[str] = "f1-board"
    why: ClassVar[str] = (
        "Example 08: a loss that is no mean over examples; 33 parameters, 16,400 evaluations."
    )
    dataset: ClassVar[type[Dataset]] = RareData
    loss: ClassVar[object] = staticmethod(one_minus_f1)
    metric: ClassVar[str] = "f1"

    def network(self) -> nn.Module:
        return drawn(nn.Sequential(nn.Linear(2, 8), Sign(surrogate=False), nn.Linear(8, 1)), 0.5)


CASES = (SignBoard, SmoothBoard, TreeBoard, F1Board)


@nogd.hookimpl
def nogd_tasks() -> tuple[type[SupervisedTask], ...]:
    """For `nogd run --plugin experiments/outputs/cases.py`."""
    return CASES
