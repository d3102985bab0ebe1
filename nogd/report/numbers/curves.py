"""Curves of many runs brought to one budget grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from nogd.report.numbers.finals import applicable, numbers, starts
from nogd.report.numbers.statistics import FloatArray

POINTS_A_DECADE = 12


@dataclass(frozen=True)
class Curve:
    """A learner's interquartile mean over repetitions with its band, all of shape (points,), and its runs.

    values: each run's own curve, shape (runs, points); repetitions: of each run, (runs,).
    """

    middle: FloatArray
    low: FloatArray
    high: FloatArray
    values: FloatArray
    repetitions: NDArray[np.int_]

    @property
    def runs(self) -> int:
        """How many runs it is made of."""
        return len(self.values)


def budget_grid(low: float, high: float, points_a_decade: int = POINTS_A_DECADE) -> FloatArray:
    """Log-spaced costs from `low` to `high`, both included; `low` is taken as 1 if it is not positive."""
    low = low if low > 0 else min(1.0, high)
    if high <= low:
        return np.array([max(high, low)])
    count = int(np.ceil(np.log10(high / low) * points_a_decade)) + 1
    return np.geomspace(low, high, max(count, 2))


def carried_forward(
    cost: FloatArray, values: FloatArray, grid: FloatArray, start: float = np.nan
) -> FloatArray:
    """The last finite value that was known at each cost of the grid; `start` where none was.

    cost: ascending, shape (points,); values: shape (points,).
    """
    known = np.isfinite(values)
    cost, values = cost[known], values[known]
    place = np.searchsorted(cost, grid * (1 + 1e-9), side="right") - 1
    if values.size == 0:
        return np.full(grid.shape, start)
    return np.where(place >= 0, values[np.maximum(place, 0)], start)


def resampled(runs: DataFrame, curves: DataFrame, column: str, grid: FloatArray) -> dict[str, FloatArray]:
    """For each learner of one task its runs' curves on the grid, shape (runs, points), in the order of `runs`.

    curves: as `in_order` gives them. A run that ended early, or failed, keeps its last finite value to the end; one
    that left nothing keeps its start.
    """
    first = starts(curves, column).to_dict()
    points = dict(_points(curves, column))
    nothing = (np.empty(0), np.empty(0))
    rows: dict[str, list[FloatArray]] = {}
    asked = applicable(runs[["id", "learner", "task", "repetition", "status"]])
    for identity, learner, task, repetition, _ in asked.itertuples(index=False, name=None):
        start = float(first.get((task, repetition), np.nan))
        cost, values = points.get(identity, nothing)
        rows.setdefault(learner, []).append(carried_forward(cost, values, grid, start))
    return {learner: np.stack(values) for learner, values in rows.items()}


def in_order(curves: DataFrame) -> DataFrame:
    """The curves run by run, each from its start to its end, as `resampled` takes them."""
    return curves.sort_values(["id", "forwards"], kind="stable")


def _points(curves: DataFrame, column: str) -> Iterator[tuple[Any, tuple[FloatArray, FloatArray]]]:
    """Each run's costs and values."""
    identities = curves["id"].to_numpy()
    cost, values = numbers(curves, "forwards"), numbers(curves, column)
    edges = np.flatnonzero(identities[1:] != identities[:-1]) + 1
    for start, stop in pairwise([0, *edges.tolist(), len(identities)]):
        if start < stop:
            yield identities[start], (cost[start:stop], values[start:stop])
