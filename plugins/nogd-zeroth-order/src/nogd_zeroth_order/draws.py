"""Random directions, all from the run's generator."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

_SEEDS = 2**62


def draw_seeds(rng: Generator, count: int) -> tuple[int, ...]:
    """Seeds for `Perturbed`."""
    return tuple(torch.randint(_SEEDS, (count,), generator=rng, device=rng.device).tolist())


def draw_normal(rng: Generator, count: int, like: Tensor) -> Tensor:
    """Standard normal directions, `[count, D]`."""
    return like.new_empty(count, len(like)).normal_(generator=rng)


def draw_signs(rng: Generator, count: int, like: Tensor) -> Tensor:
    """Directions whose every coordinate is -1 or 1, `[count, D]`."""
    drawn = torch.randint(2, (count, len(like)), generator=rng, device=rng.device, dtype=like.dtype)
    return drawn.mul_(2).sub_(1)
