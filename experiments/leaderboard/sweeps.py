"""A task whose size, examples, depth and noise are settings: a network learns what a random network computes."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor, nn

import nogd
from nogd import Dataset, SupervisedTask

FEATURES = 8
TEST = 1000


def _layers(features: int, width: int, depth: int) -> nn.Sequential:
    sizes = [features, *[width] * depth]
    hidden = [layer for before, after in pairwise(sizes) for layer in (nn.Linear(before, after), nn.Tanh())]
    return nn.Sequential(*hidden, nn.Linear(width, 1))


class TeacherData(Dataset):
    """Normal inputs, and what a random network of two hidden layers makes of them, with noise."""

    name: ClassVar[str] = "teacher"

    def __init__(self, examples: int = 300, noise: float = 0.1) -> None:
        self.examples, self.noise = examples, noise

    def load(self) -> tuple[Tensor, Tensor]:
        """The same teacher and the same inputs for all settings; of fewer examples the first ones."""
        rng = Generator().manual_seed(17)
        inputs = torch.randn(4 * TEST, FEATURES, generator=rng)
        values = inputs
        for width in (12, 12):
            values = torch.tanh(
                1.5 * values @ torch.randn(values.shape[1], width, generator=rng) / values.shape[1] ** 0.5
            )
        targets = values @ torch.randn(12, 1, generator=rng)
        targets = (targets - targets.mean()) / targets.std() + self.noise * torch.randn(
            targets.shape, generator=rng
        )
        return inputs[: self.examples], targets[: self.examples]


class Sweep(SupervisedTask):
    """What a random network computes, learnt by a network of tanh units."""

    name: ClassVar[str] = "sweep"
    why: ClassVar[str] = "One quantity varies, all others stay."
    dataset: ClassVar[type[Dataset]] = TeacherData
    loss: ClassVar[str] = "mse"
    metric: ClassVar[str] = "r2"
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    default: ClassVar[bool] = False
    tags: ClassVar[frozenset[str]] = frozenset({"regression", "sweep"})

    width: int = Field(8, ge=1, description="hidden units of each layer")
    depth: int = Field(1, ge=1, description="hidden layers")
    examples: int = Field(500, ge=10, description="examples in all, of which 60 % are trained on")
    noise: float = Field(
        0.1, ge=0, description="standard deviation of the noise beside targets of deviation 1"
    )

    def data(self) -> Dataset:
        """With as many examples, and as much noise."""
        return TeacherData(self.examples, self.noise)

    def network(self) -> nn.Module:
        """Layers of one width."""
        return _layers(FEATURES, self.width, self.depth)


@nogd.hookimpl
def nogd_tasks() -> tuple[type[SupervisedTask], ...]:
    """For `nogd run --plugin experiments/leaderboard/sweeps.py`."""
    return (Sweep,)
