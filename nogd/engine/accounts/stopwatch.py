"""A stopwatch of one's own, that adds up what happens within it."""

from __future__ import annotations

import time


class Stopwatch:
    """Adds up the wall seconds that are spent in `with stopwatch:`, within one another once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth, self._started = 0, 0.0

    def __enter__(self) -> None:
        if self._depth == 0:
            self._started = time.perf_counter()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._started
