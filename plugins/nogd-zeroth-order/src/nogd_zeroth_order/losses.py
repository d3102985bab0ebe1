"""Losses of a step, some of which may not be finite."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def any_finite(losses: Tensor) -> bool:
    """Whether one of the losses `[P]` is finite; those that are not are infinite."""
    return math.isfinite(min(losses.tolist()))  # of a few losses, a list is the quickest


def finite(losses: Tensor) -> Tensor:
    """The losses `[P]`, of which one is finite at least, with the worst that is in place of those that are not."""
    if math.isfinite(max(losses.tolist())):  # nearly always, and a fraction of what follows
        return losses
    known = losses.isfinite()
    return torch.where(known, losses, losses[known].max())
