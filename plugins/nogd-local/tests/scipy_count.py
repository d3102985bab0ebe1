"""How many evaluations scipy's methods take, to compare with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from valleys import Landscape


class _ReachedError(Exception):
    """The target is reached."""


def evaluations_of_scipy(
    method: str, landscape: Landscape, start: tuple[float, ...], most: int, options: dict[str, Any]
) -> float:
    """Evaluations until the loss is 1e-8 or less; infinite if there were `most` before."""
    count = 0

    def ask(x: np.ndarray) -> float:
        nonlocal count
        count += 1
        loss = float(landscape(torch.from_numpy(x.copy())))
        if loss <= 1e-8:
            raise _ReachedError
        return loss

    try:
        minimize(ask, np.array(start), method=method, options={**options, "maxfev": most})
    except _ReachedError:
        return count
    return math.inf
