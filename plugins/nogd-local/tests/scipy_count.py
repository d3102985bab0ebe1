"""How many evaluations scipy's methods, and other searches, take, to compare with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from valleys import Landscape


class _ReachedError(Exception):
    """The target is reached."""


Ask = Callable[[np.ndarray], float]


def evaluations_of_scipy(
    method: str, landscape: Landscape, start: tuple[float, ...], most: int, options: dict[str, Any]
) -> float:
    """Evaluations until the loss is 1e-8 or less; infinite if there were `most` before."""

    def search(ask: Ask) -> None:
        minimize(ask, np.array(start), method=method, options={**options, "maxfev": most})

    return evaluations_until_reached(search, landscape)


def evaluations_until_reached(search: Callable[[Ask], object], landscape: Landscape) -> float:
    """Evaluations until the loss is 1e-8 or less; infinite if the search ends before."""
    count = 0

    def ask(x: np.ndarray) -> float:
        nonlocal count
        count += 1
        loss = float(landscape(torch.from_numpy(x.copy())))
        if loss <= 1e-8:
            raise _ReachedError
        return loss

    try:
        search(ask)
    except _ReachedError:
        return count
    return math.inf
