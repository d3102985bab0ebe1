"""Ways to drive a learner over a landscape: step by step, or to the end of a budget."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator
from valleys import Landscape, Point, objective

import nogd


def begin(
    learner: nogd.Learner, landscape: Landscape, *start: float, seed: int = 0
) -> tuple[nogd.Objective, Any]:
    """An objective and the learner's first state on it."""
    the_objective = objective(landscape, *start)
    theta = torch.tensor(start, dtype=torch.float64)
    return the_objective, learner.init(the_objective, theta, Generator().manual_seed(seed))


def sweep(learner: nogd.Learner, the_objective: nogd.Objective, state: nogd.State) -> None:
    """Step until the next iteration has ended."""
    before = state.iteration
    while state.iteration == before and not state.finished:
        learner.step(the_objective, state)


def fit(
    learner: str, landscape: Landscape, start: tuple[float, ...], forwards: int, seed: int = 0, **options: Any
) -> nogd.Run:
    """Minimise a landscape from start; as a black box, which is the quickest way to score a single point."""

    def score(module: torch.nn.Module) -> float:
        return float(landscape(module.get_parameter("place")))

    return nogd.minimize(
        Point(*start), score, learner=learner, budget=nogd.Budget(forwards=forwards), seed=seed, **options
    )


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
