"""Who leads at which budget, and whether the lead is beyond chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from nogd.report.numbers.curves import Curve
from nogd.report.numbers.paired import LEVEL, exchange_p_along
from nogd.report.numbers.statistics import FloatArray

TIE = ""
"""The leader where several share the best value."""


@dataclass(frozen=True)
class Lead:
    """From one budget to another: who leads, who comes next, and whether the leader is ahead of all beyond chance.

    rivals: learners that are not told apart from the leader; value, low, high: the leader's, at the end.
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


def leads(grid: FloatArray, curves: Mapping[str, Curve], greater: bool, level: float = LEVEL) -> list[Lead]:
    """The whole grid in pieces, in each of which leader, runner-up and clearness stay the same.

    grid: budgets, ascending, shape (points,); curves: of at least two learners, on that grid; level: of a test of the
    leader against each other learner, over the whole grid (`exchange_p_along`).
    """
    edges = np.concatenate([grid[:1], np.sqrt(grid[1:] * grid[:-1]), grid[-1:]])
    pieces = _pieces(edges, curves, greater, level)
    merged: list[Lead] = []
    for piece in pieces:
        if merged and _same(merged[-1], piece):
            piece = Lead(**{**vars(piece), "start": merged[-1].start})  # noqa: PLW2901
            merged.pop()
        merged.append(piece)
    return merged


def _same(one: Lead, other: Lead) -> bool:
    return (one.leader, one.runner_up, one.clear) == (other.leader, other.runner_up, other.clear)


def _pieces(edges: FloatArray, curves: Mapping[str, Curve], greater: bool, level: float) -> Iterator[Lead]:
    names = sorted(curves)
    way = -1.0 if greater else 1.0
    middle = np.stack([way * curves[name].middle for name in names])
    chance = _Chance(curves, way)
    for place in range(middle.shape[1]):
        order = np.argsort(middle[:, place], kind="stable")  # NaN come last
        first, second = names[int(order[0])], names[int(order[1])]
        best, next_best = (float(middle[int(order[rank]), place]) for rank in (0, 1))
        known, tied = np.isfinite(best), best == next_best
        others = [name for name, value in zip(names, middle[:, place], strict=True) if np.isfinite(value)]
        rivals = sum(not chance.of(first, other)[place] < level for other in others if other != first)
        curve = curves[first]
        yield Lead(
            float(edges[place]),
            float(edges[place + 1]),
            first if known and not tied else TIE,
            second if known and not tied and np.isfinite(next_best) else TIE,
            bool(known and not tied and rivals == 0),
            rivals,
            float(curve.middle[place]),
            float(curve.low[place]),
            float(curve.high[place]),
        )


class _Chance:
    """P-values of pairs of curves, each computed when it is first asked for."""

    def __init__(self, curves: Mapping[str, Curve], way: float) -> None:
        self._curves, self._way = curves, way
        self._found: dict[frozenset[str], FloatArray] = {}

    def of(self, one: str, other: str) -> FloatArray:
        """The p-value at each point, by the repetitions that both have."""
        pair = frozenset((one, other))
        if pair not in self._found:
            ours, theirs = (self._curves[name] for name in sorted(pair))
            _, mine, its = np.intersect1d(ours.repetitions, theirs.repetitions, return_indices=True)
            self._found[pair] = exchange_p_along(
                self._way * ours.values[mine], self._way * theirs.values[its]
            )
        return self._found[pair]
