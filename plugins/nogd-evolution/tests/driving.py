"""Ways to drive a learner over a landscape: step by step, or to the end of a budget."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, nn
from valleys import Landscape

import nogd
from nogd.training.names import build


def place(*start: float, dtype: torch.dtype = torch.float64) -> nn.Linear:
    """A network whose output for the one example is its parameters, [1, D]."""
    point = nn.Linear(1, len(start), bias=False, dtype=dtype)
    with torch.no_grad():
        point.weight[:, 0] = torch.tensor(start, dtype=dtype)
    return point


def data(D: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """The one example, and targets that say nothing."""
    return torch.ones(1, 1, dtype=dtype), torch.zeros(1, D, dtype=dtype)


def as_loss(landscape: Landscape) -> nogd.Loss:
    """Turn a function of points [..., D] into a loss of outputs, which scores a whole population at once."""
    return nogd.Loss(
        "landscape",
        lambda outputs, _: landscape(outputs).mean(),
        lambda outputs, _: landscape(outputs.movedim(1, -1)).mean(-1),
    )


def objective(landscape: Landscape, *start: float, dtype: torch.dtype = torch.float64) -> nogd.Objective:
    """What a learner is handed when it starts at `start`."""
    return nogd.objective(place(*start, dtype=dtype), *data(len(start), dtype), loss=as_loss(landscape))


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
    """Minimise a landscape from start."""
    return nogd.fit(
        place(*start),
        *data(len(start)),
        loss=as_loss(landscape),
        learner=learner,
        budget=nogd.Budget(forwards=forwards),
        seed=seed,
        **options,
    )


def search(
    name: str, landscape: Landscape, start: tuple[float, ...], most: int, seed: int = 0
) -> tuple[bool, float]:
    """Whether the loss came to 1e-8 or less within so many evaluations, and how many that took, or were spent."""
    learner = build(name)
    if isinstance(
        learner, nogd.AskTell
    ):  # without the accounts of a run, which take longer than a population's losses
        return _asked(learner, landscape, start, most, seed)
    run = fit(learner, landscape, start, most, seed, target=1e-8)
    return run.status == "target", run.meter.evaluations


def _asked(
    learner: nogd.AskTell, landscape: Landscape, start: tuple[float, ...], most: int, seed: int
) -> tuple[bool, float]:
    _, state = begin(learner, landscape, *start, seed=seed)
    count = 0
    while count < most and not state.finished:
        candidates = learner.ask(state)
        losses = landscape(candidates.dense())
        count += len(losses)
        if losses.min() <= 1e-8:
            return True, count
        learner.tell(state, candidates, losses)
    return False, count


def evaluations(name: str, landscape: Landscape, start: tuple[float, ...], most: int, seed: int = 0) -> float:
    """Evaluations until the loss is 1e-8 or less; infinite if there were `most` before."""
    solved, count = search(name, landscape, start, most, seed)
    return count if solved else float("inf")


def uniform(D: int, half_width: float, seed: int) -> tuple[float, ...]:
    """A starting point drawn from a cube about the origin."""
    rng = Generator().manual_seed(seed)
    return tuple(((2 * torch.rand(D, generator=rng, dtype=torch.float64) - 1) * half_width).tolist())
