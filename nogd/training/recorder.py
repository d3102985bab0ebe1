"""The curve of a run: what the recommendation was worth as the cost went by, measured off the clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor

from nogd.engine.accounts.stopwatch import Stopwatch
from nogd.engine.accounts.till import Till
from nogd.engine.objective import Objective

LEDGERS = ("forwards", "evaluations", "gradients", "examples", "flops", "seconds", "iteration", "phase")
POINTS_A_DECADE = 12
# Of a run's counted work, what measuring may cost at most.
MEASURING_SHARE = 0.2
# An iteration's row is always kept up to here, and on a grid as dense as at this place beyond.
ROWS_BY_ITERATION = 1_000

Point = dict[str, float]
Measure = Callable[[Tensor], Mapping[str, float]]


def budget_grid(forwards: float, cost_of_measuring: float) -> Iterator[float]:
    """The points of a log grid up to a budget of that many forwards, the budget itself last; endless for infinity.

    cost_of_measuring: in forwards; the grid is thinned so that all its points cost at most a fifth of the budget. By
    the ledger and never by the clock, so that a run repeats.
    """
    per_decade = float(POINTS_A_DECADE)
    if math.isfinite(forwards):
        affordable = MEASURING_SHARE * forwards / max(cost_of_measuring, 1e-9)
        # The first point stands at 1, the others behind it.
        per_decade = min(per_decade, (affordable - 1) / max(math.log10(max(forwards, 1)), 1))
    last, k = 0, 0
    while per_decade > 0.1:
        point = math.ceil(10 ** (k / per_decade))
        k += 1
        if point >= forwards:
            break
        if point > last:
            yield point
            last = point
    yield forwards


def keeps_iteration(iteration: int) -> bool:
    """Whether the end of that iteration has a row of its own."""
    if iteration <= ROWS_BY_ITERATION:
        return True
    per_decade = ROWS_BY_ITERATION * math.log(10)
    k = round(per_decade * math.log10(iteration / ROWS_BY_ITERATION))
    return any(round(ROWS_BY_ITERATION * 10 ** (j / per_decade)) == iteration for j in (k - 1, k, k + 1))


class Recorder:
    """Records a run's curve, on a grid of forwards, or at the end of iterations, or both.

    measure: theta `[D]` to named figures, among them "loss". emit: told of each point as it is recorded.
    `points` is the curve; `solution` the last recommendation whose loss was finite, or the start; `watch` has the
    seconds of measuring, telling and checkpoints, `elapsed` those from begin to end.
    """

    def __init__(
        self,
        measure: Measure,
        *,
        grid: Iterable[float] = (),
        by_iteration: bool = False,
        emit: Callable[[Point], None] | None = None,
    ) -> None:
        self.points: list[Point] = []
        self.watch, self.elapsed = Stopwatch(), 0.0
        self.next_forwards = math.inf
        self._measure, self._grid, self._by_iteration, self._emit = measure, iter(grid), by_iteration, emit
        self._settled = 0

    def begin(self, objective: Objective, saved: dict[str, Any] | None, till: Till) -> None:
        """Start with the row of the starting point, or go on from what `save` gave."""
        self._objective, self._till, self._began = objective, till, time.perf_counter()
        self.solution = objective.recommendation  # which nobody changes while it is the start
        if saved is None:
            self._record()
        else:
            self.points, self.solution = saved["points"], saved["solution"]
            for _ in range(saved["settled"]):
                next(self._grid)
            self._settled = saved["settled"]
        self.next_forwards = next(self._grid, math.inf)

    def settle(self, forwards: float) -> None:
        """Give the recommendation to every grid point below `forwards`, before a call that passes them."""
        value = self._measured()
        while self.next_forwards < forwards:
            self._append(value | {"forwards": self.next_forwards})
            self._settled += 1
            self.next_forwards = next(self._grid, math.inf)
        self._till.end_at_target(value["loss"])

    def iteration_ended(self, iteration: int) -> None:
        """Record the end of an iteration, if iterations are asked for."""
        if self._by_iteration and keeps_iteration(iteration):
            self._till.end_at_target(self._record())

    def finish(self) -> Point:
        """Record the final recommendation, unless the last row is just that; returns what it is worth."""
        value = self._measured()
        # Where a candidate met the target, the rest of its call was taken back: what was settled beyond never was.
        while self.points and self.points[-1]["forwards"] > value["forwards"]:
            self.points.pop()
        if not self.points or not _same(self.points[-1], value):
            self._append(value)
        self.elapsed = time.perf_counter() - self._began
        return value

    def save(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"points": self.points, "solution": self.solution, "settled": self._settled}

    def _record(self) -> float:
        """Record the recommendation; returns its training loss."""
        value = self._measured()
        self._append(value)
        return value["loss"]

    def _append(self, point: Point) -> None:
        self.points.append(point)
        if self._emit is not None:
            self._emit(point)

    def _measured(self) -> Point:
        """The ledgers as they stand, and the figures of the recommendation."""
        meter, state, theta = self._objective.meter, self._objective.state, self._objective.recommendation
        point: Point = {name: float(value) for name, value in meter.reading().items()}
        point["iteration"] = float(meter.iterations)
        point["phase"] = float(self._objective.phase)
        figures = self._measure(theta)
        if state is not None and math.isfinite(figures["loss"]):
            self.solution = theta  # lets go of the last one before there is another
            self.solution = theta.clone()
        self._till.note_measured(figures["loss"])
        return point | dict(figures)


def _same(point: Point, other: Point) -> bool:
    """Whether two points are one and the same moment of a run."""
    return (
        all(point[name] == other[name] for name in LEDGERS if name != "seconds")
        and repr(point["loss"]) == repr(other["loss"])  # NaN is NaN's equal
    )
