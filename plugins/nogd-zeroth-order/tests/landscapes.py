"""Landscapes with known floors, as the objectives of networks whose output is their parameter vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

import nogd

Landscape = Callable[[Tensor], Tensor]
FLOOR = torch.tensor([3.0, -1.0, 2.0, 0.5, -2.0], dtype=torch.float64)
SLOPES = torch.tensor([1.0, -2.0, 0.5, 3.0, -1.0], dtype=torch.float64)


class Point(nn.Module):
    """A network that ignores its input and gives its only parameter, `place` [D]."""

    def __init__(self, place: Tensor) -> None:
        super().__init__()
        self.place = nn.Parameter(place.clone())

    def forward(self, inputs: Tensor) -> Tensor:
        """Give place once for each row of inputs: [N, D]."""
        return self.place.expand(len(inputs), -1)


def objective(landscape: Landscape, start: Tensor) -> nogd.Objective:
    """What a learner is handed when it starts there; one example, which says nothing."""
    nothing = start.new_zeros(1, 1)
    return nogd.objective(Point(start), nothing, nothing, loss=lambda outputs, targets: landscape(outputs[0]))


def begin(
    learner: nogd.Learner, landscape: Landscape, start: Tensor, seed: int = 0
) -> tuple[nogd.Objective, Any]:
    """An objective and the learner's first state on it."""
    made = objective(landscape, start)
    return made, learner.init(made, start.clone(), Generator().manual_seed(seed))


def bowl(theta: Tensor) -> Tensor:
    """Squares about FLOOR, the last three times as steep as the first; 0 there."""
    steep = torch.linspace(1, 3, len(theta), dtype=theta.dtype)
    return (steep * (theta - FLOOR.to(theta)) ** 2).sum()


def plane(theta: Tensor) -> Tensor:
    """A slope that is the same everywhere: SLOPES."""
    return (SLOPES.to(theta) * theta).sum()


def flat(theta: Tensor) -> Tensor:
    """7 everywhere."""
    return 0 * theta.sum() + 7


def network(seed: int = 0) -> tuple[nn.Module, Tensor, Tensor]:
    """A network of two layers and a float64 problem for it: module, inputs, targets."""
    rng = Generator().manual_seed(seed)
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    inputs = torch.randn(20, 3, generator=rng, dtype=torch.float64)
    return module, inputs, torch.sin(inputs[:, :2])
