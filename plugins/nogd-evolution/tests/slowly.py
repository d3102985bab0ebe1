"""What tests need that write a learner's step out slowly: its random numbers, given losses, ranks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

import nogd


def twin(state: nogd.State) -> Generator:
    """A generator that will give what the state's gives next."""
    generator = Generator()
    generator.set_state(state.rng.get_state())  # type: ignore[attr-defined]
    return generator


def normal(generator: Generator, *shape: int) -> Tensor:
    """Normal noise in float64, as a learner draws it."""
    return torch.empty(*shape, dtype=torch.float64).normal_(generator=generator)


def answer(objective: nogd.Objective, losses: Sequence[float]) -> list[Tensor]:
    """Let the objective answer its next calls with these losses; gives the list of what is asked, written out."""
    asked: list[Tensor] = []

    def give(candidates: nogd.Population, rows: Tensor | None = None) -> Tensor:
        asked.append(candidates.dense().clone())
        return torch.tensor(losses[: len(candidates)], dtype=torch.float64)

    objective.losses = give  # type: ignore[method-assign]
    return asked


def mean_ranks(losses: Sequence[float]) -> list[float]:
    """Ranks from 0 for the lowest, the mean of their ranks for equal ones."""
    return [
        sum(other < loss for other in losses) + (sum(other == loss for other in losses) - 1) / 2
        for loss in losses
    ]


def centred(losses: Sequence[float]) -> list[float]:
    """Weights from 0.5 for the lowest loss to -0.5 for the highest."""
    return [0.5 - rank / (len(losses) - 1) for rank in mean_ranks(losses)]
