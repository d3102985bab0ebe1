"""What goes along with a run for whoever waits for it: a callback that may end it, and how far it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from nogd.engine.accounts.meter import Limit, Meter
from nogd.engine.state import State
from nogd.training.loop import Stopped
from nogd.training.progress import Display
from nogd.training.recorder import Point

Callback = Callable[[Point], object]


class RunCallbacks:
    """Told of each point of the curve and asked between steps, when a run may be ended.

    callback: gets a copy of each point; it ends the run by returning True or raising StopIteration. display: shown how
    much of the budget is spent, by the narrowest limit. save: called between steps.
    """

    def __init__(
        self,
        callback: Callback | None,
        display: Display | None,
        save: Callable[[State], None] | None,
        limit: Limit,
        meter: Meter,
    ) -> None:
        self._callback, self._display, self._save = callback, display, save
        self._limit, self._meter = limit, meter
        self._loss, self._stopped = math.nan, False

    def told(self, points: Iterable[Point]) -> None:
        """Tell what came before this process took the run up."""
        for point in points:
            self.point(point)

    def point(self, point: Point) -> None:
        """A point of the curve was recorded."""
        self._loss = point["loss"]
        if self._callback is not None and _asks_to_stop(self._callback, dict(point)):
            self._stopped = True

    @property
    def between_steps(self) -> Callable[[State], None] | None:
        """What to call between steps; None where there is nothing to do, as a step may take microseconds."""
        return self._between_steps if self._callback or self._display or self._save else None

    def _between_steps(self, state: State) -> None:
        if self._stopped:
            raise Stopped
        if self._save is not None:
            self._save(state)
        if self._display is not None:
            self._display.show(self._share(), f"{self._meter.forwards:,.0f} forwards, loss {self._loss:.4g}")

    def _share(self) -> float:
        meter, limit = self._meter, self._limit
        spent = (
            (meter.forwards, limit.forwards),
            (meter.evaluations, limit.evaluations),
            (meter.seconds, limit.seconds),
            (meter.iterations, limit.iterations),
        )
        return min(1.0, max(done / most for done, most in spent))


def _asks_to_stop(callback: Callback, point: Point) -> bool:
    try:
        answer = callback(point)
    except StopIteration:
        return True
    return isinstance(answer, bool | np.bool_) and bool(answer)
