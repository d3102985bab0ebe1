"""Landscapes with known floors, as the objectives of networks whose output is their parameter vector."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

import nogd

Landscape = Callable[[Tensor], Tensor]


class Point(nn.Module):
    """A network that ignores its input and gives its only parameter, `place` [D]."""

    def __init__(self, *place: float) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.tensor(place, dtype=torch.float64))

    def forward(self, inputs: Tensor) -> Tensor:
        """Give place once for each row of inputs: [N, D]."""
        return self.place.expand(len(inputs), -1)


def data() -> tuple[Tensor, Tensor]:
    """One example that says nothing: inputs [1, 1] and targets [1, 1]."""
    return torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)


def as_loss(landscape: Landscape) -> Callable[[Tensor, Tensor], Tensor]:
    """Turn a function of theta [D] into a loss of outputs [1, D] and targets."""
    return lambda outputs, targets: landscape(outputs[0])


def objective(landscape: Landscape, *start: float) -> nogd.Objective:
    """What a learner is handed when it starts at `start`."""
    return nogd.objective(Point(*start), *data(), loss=as_loss(landscape))


def table(losses: dict[tuple[int, int], float]) -> Landscape:
    """Give a landscape over the plane by its losses at whole numbers, -5 to 5; 100 wherever nothing is said."""
    grid = torch.full((11, 11), 100.0, dtype=torch.float64)
    for (x, y), loss in losses.items():
        grid[x + 5, y + 5] = loss

    def look_up(theta: Tensor) -> Tensor:
        x, y = (theta.round().long() + 5).clamp(0, 10)
        return grid[x, y]

    return look_up


def ellipsoid(theta: Tensor) -> Tensor:
    """Squares about (3, -1, 3, -1, ...), each axis up to 100 times as steep as the first; 0 at the floor."""
    axes = torch.arange(len(theta), dtype=theta.dtype)
    return (100 ** (axes / (len(theta) - 1)) * (theta - torch.where(axes % 2 == 0, 3.0, -1.0)) ** 2).sum()


def rosenbrock(theta: Tensor) -> Tensor:
    """A curved valley; 0 at (1, ..., 1)."""
    return (100 * (theta[1:] - theta[:-1] ** 2) ** 2 + (1 - theta[:-1]) ** 2).sum()


def sphere(theta: Tensor) -> Tensor:
    """Equal squares; 0 at the origin."""
    return theta.square().sum()


def stretched(theta: Tensor) -> Tensor:
    """Squares about the origin, the last one 1,000 times as steep as the first; 0 there."""
    axes = torch.arange(len(theta), dtype=theta.dtype)
    return (1000 ** (axes / (len(theta) - 1)) * theta.square()).sum()
