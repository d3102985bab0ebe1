"""What several learners of the package need: weights by rank, and the first deviations."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from nogd import Objective, box_sigma

# Of the width of a parameter's box; with the box (-5, 5) a first deviation of 0.2.
SHARE = 0.02


def first_deviations(objective: Objective, sigma: float | None) -> Tensor:
    """A first standard deviation for each parameter, `[D]`: sigma, or a share of the box if that is None.

    A box without width, which says nothing of scale, counts as one of width 1.
    """
    if sigma is not None:
        return torch.full((objective.D,), sigma, dtype=objective.dtype, device=objective.device)
    shares = box_sigma(objective.space, SHARE)
    return torch.where(shares > 0, shares, SHARE)


@functools.cache
def utilities(count: int) -> tuple[float, ...]:
    """The utilities of natural evolution strategies for candidates by rank, best first; they add up to 0.

    Source: Wierstra et al. 2014, arXiv:1106.4487, section 3.1.
    """
    raw = [max(0.0, math.log(count / 2 + 1) - math.log(rank)) for rank in range(1, count + 1)]
    total = sum(raw)
    return tuple(weight / total - 1 / count for weight in raw)
