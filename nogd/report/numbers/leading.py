"""Who leads at which budget, and whether the lead is more than the spread of repetitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from nogd.report.numbers.curves import Curve
from nogd.report.numbers.statistics import FloatArray

TIE = ""
"""The leader where several share the best value."""


@dataclass(frozen=True)
class Lead:
    """From one budget to another: who leads, who comes next, and whether the leader's interval is clear of all others.

    rivals: learners whose interval overlaps the leader's; value, low, high: the leader's, at the end.
    """

    start: float
    stop: float
    leader: str
    runner_up: str
    clear: bool
    rivals: int
    value: float
    low: float
    high: float

    @property
    def shared(self) -> bool:
        """Whether the runner-up might lead as well."""
        return not self.clear and self.runner_up != TIE


def leads(grid: FloatArray, curves: Mapping[str, Curve], greater: bool) -> list[Lead]:
    """The whole grid in pieces, in each of which leader, runner-up and clearness stay the same.

    grid: budgets, ascending, shape (points,); curves: of at least two learners, on that grid.
    """
    edges = np.concatenate([grid[:1], np.sqrt(grid[1:] * grid[:-1]), grid[-1:]])
    pieces = _pieces(edges, curves, greater)
    merged: list[Lead] = []
    for piece in pieces:
        if merged and _same(merged[-1], piece):
            piece = Lead(**{**vars(piece), "start": merged[-1].start})  # noqa: PLW2901
            merged.pop()
        merged.append(piece)
    return merged


def _same(one: Lead, other: Lead) -> bool:
    return (one.leader, one.runner_up, one.clear) == (other.leader, other.runner_up, other.clear)


def _pieces(edges: FloatArray, curves: Mapping[str, Curve], greater: bool) -> Iterator[Lead]:
    names = sorted(curves)
    way = -1.0 if greater else 1.0
    middle = np.stack([way * curves[name].middle for name in names])
    ends = np.stack([[way * curves[name].low, way * curves[name].high] for name in names])
    best, worst = ends.min(axis=1), ends.max(axis=1)  # of each learner's interval
    several = np.array([curves[name].runs > 1 for name in names])
    for place in range(middle.shape[1]):
        order = np.argsort(middle[:, place], kind="stable")  # NaN come last
        first, second = int(order[0]), int(order[1])
        others = np.delete(np.arange(len(names)), first)
        overlapping = ~(best[others, place] > worst[first, place])
        single = ~(several[others] & several[first])
        rivals = int((overlapping | single)[np.isfinite(middle[others, place])].sum())
        known, tied = np.isfinite(middle[first, place]), middle[first, place] == middle[second, place]
        curve = curves[names[first]]
        yield Lead(
            float(edges[place]),
            float(edges[place + 1]),
            names[first] if known and not tied else TIE,
            names[second] if known and not tied and np.isfinite(middle[second, place]) else TIE,
            bool(known and not tied and rivals == 0),
            rivals,
            float(curve.middle[place]),
            float(curve.low[place]),
            float(curve.high[place]),
        )
