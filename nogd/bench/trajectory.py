"""Where a run went: the thetas that were measured along it, thinned to a few."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nogd.bench.record import Arrays

# Thetas of a path, and the numbers that all of them together may have: 128 KiB a run at most.
LONGEST = 32
MOST_NUMBERS = 2**15


def is_small(dimension: int) -> bool:
    """Whether paths of that many parameters are kept."""
    return dimension * LONGEST <= MOST_NUMBERS


class Trajectory:
    """Remembers what is measured while a run is recorded, off the clock: stand it between a Recorder and its measure.

    measure: theta `[D]` to figures, among them "loss". forwards: what is spent at that moment.
    """

    def __init__(self, measure: Callable[[Tensor], dict[str, float]], forwards: Callable[[], float]) -> None:
        self._measure, self._forwards = measure, forwards
        self._thetas: list[Tensor] = []
        self._costs: list[tuple[float, float]] = []

    def __call__(self, theta: Tensor) -> Mapping[str, float]:
        figures = self._measure(theta)
        if not (self._thetas and torch.equal(self._thetas[-1], theta)):
            self._thetas.append(theta.clone())
            self._costs.append((self._forwards(), figures["loss"]))
        return figures

    def arrays(self) -> Arrays:
        """thetas, float32 `[K, D]`, K at most LONGEST, the first and the last among them; their forwards and losses."""
        places = np.unique(np.linspace(0, len(self._thetas) - 1, LONGEST).round().astype(int))
        costs = np.array(self._costs, dtype=np.float64)[places]
        thetas = [self._thetas[place].numpy(force=True) for place in places]
        return {
            "thetas": np.array(thetas, dtype=np.float32),
            "forwards": costs[:, 0],
            "losses": costs[:, 1],
        }

    def save(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"thetas": self._thetas, "costs": self._costs}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from what `save` gave."""
        self._thetas, self._costs = list(saved["thetas"]), [tuple(pair) for pair in saved["costs"]]
