"""Powell's method as slowly and plainly as it can be written, to compare with."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar

Ask = Callable[[np.ndarray], float]


def powell(ask: Ask, start: np.ndarray, sigma: float, *, as_scipy: bool) -> None:
    """Sweep for ever; `ask` has to raise to end it. Every line search asks for its origin anew.

    as_scipy: measure the way of a sweep from before the search along the last new direction, not from after it.
    """
    here, loss, directions = start, ask(start), list(sigma * np.eye(len(start)))
    origin = start
    while True:
        origin_loss, gains = loss, []
        for direction in directions:
            before = loss
            here, loss, _ = _search(ask, here, direction)
            gains.append(before - loss)
        way, beyond = here - origin, ask(2 * here - origin)
        origin = here
        if _promises(origin_loss, loss, beyond, max(gains)):
            here, loss, times = _search(ask, here, way)
            del directions[int(np.argmax(gains))]
            directions.append(times * way)
            origin = origin if as_scipy else here


def _search(ask: Ask, here: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, float, float]:
    found = minimize_scalar(lambda times: ask(here + times * direction), options={"xtol": 0.01})
    return here + found.x * direction, found.fun, found.x


def _promises(start: float, end: float, beyond: float, gain: float) -> bool:
    bend = 2 * (start + beyond - 2 * end) * (start - end - gain) ** 2
    return math.isfinite(bend) and beyond < start and bend < gain * (start - beyond) ** 2
