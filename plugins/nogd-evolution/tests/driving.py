"""Ways to drive a learner over a landscape: step by step, or to the end of a budget."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, nn
from valleys import Landscape

import nogd


class Point(nn.Module):
    """A network that ignores its input and gives its only parameter, `place` [D]."""

    def __init__(self, place: Tensor) -> None:
        super().__init__()
        self.place = nn.Parameter(place.clone())

    def forward(self, inputs: Tensor) -> Tensor:
        """Give place once for each row of inputs: [N, D]."""
        return self.place.expand(len(inputs), -1)


def objective(landscape: Landscape, *start: float, dtype: torch.dtype = torch.float64) -> nogd.Objective:
    """What a learner is handed when it starts at `start`."""
    nothing = torch.zeros(1, 1, dtype=dtype)
    point = Point(torch.tensor(start, dtype=dtype))
    return nogd.objective(point, nothing, nothing, loss=lambda outputs, _: landscape(outputs[0]))


def begin(
    learner: nogd.Learner,
    landscape: Landscape,
    *start: float,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> tuple[nogd.Objective, Any]:
    """An objective and the learner's first state on it."""
    the_objective = objective(landscape, *start, dtype=dtype)
    theta = torch.tensor(start, dtype=dtype)
    return the_objective, learner.init(the_objective, theta, Generator().manual_seed(seed))


def fit(
    learner: str | nogd.Learner,
    landscape: Landscape,
    start: tuple[float, ...],
    forwards: int,
    seed: int = 0,
    **options: Any,
) -> nogd.Run:
    """Minimise a landscape from start; as a black box, which is the quickest way to score a single point."""

    def score(module: nn.Module) -> float:
        return float(landscape(module.get_parameter("place").detach()))

    point = Point(torch.tensor(start, dtype=torch.float64))
    budget = nogd.Budget(forwards=forwards)
    return nogd.minimize(point, score, learner=learner, budget=budget, seed=seed, **options)


def evaluations(
    learner: str, landscape: Landscape, start: tuple[float, ...], most: int, seed: int = 0
) -> float:
    """Evaluations until the loss is 1e-8 or less; infinite if there were `most` before."""
    run = fit(learner, landscape, start, most, seed, target=1e-8)
    return run.meter.evaluations if run.status == "target" else float("inf")


def uniform(D: int, half_width: float, seed: int) -> tuple[float, ...]:
    """A starting point drawn from a cube about the origin."""
    rng = Generator().manual_seed(seed)
    return tuple(((2 * torch.rand(D, generator=rng, dtype=torch.float64) - 1) * half_width).tolist())
