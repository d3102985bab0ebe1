"""The ledgers of a run as they are kept: counted in whole examples, with a clock that can be stopped."""

from __future__ import annotations

import math
import time
from typing import Any


class Ledger:
    """What was spent, in whole examples inside, so that seven mini-batches of a seventh are exactly one forward.

    examples_in_set: training examples N. gradient_cost: forwards that a full gradient counts (PROTOCOL.md's r).
    forwarded: examples passed forwards. backwarded: examples passed backwards, or in tangents, which costs the same.
    steps: of a simulated world. worked: examples that a learner passed by itself, in so many passes. priced: forwards
    that arithmetic counts beside all these. off: seconds that the clock stood still for. paid_at: seconds at which the
    last call was paid.
    """

    __slots__ = (
        "_before", "_cpu_before", "_cpu_ended", "_cpu_started", "_seen", "_started", "backwarded", "clock",
        "evaluations",
        "examples_in_set", "flops", "forwarded", "gradient_cost", "gradients", "inside", "iterations", "off",
        "paid_at", "passes", "priced", "steps", "worked",
    )  # fmt: skip
    _SAVED = (
        "backwarded", "evaluations", "flops", "forwarded", "gradients", "inside", "iterations", "passes", "priced",
        "worked",
    )  # fmt: skip

    def __init__(self, examples_in_set: int, gradient_cost: float) -> None:
        self.examples_in_set = examples_in_set
        self.gradient_cost = gradient_cost
        self.forwarded = self.backwarded = self.evaluations = self.gradients = self.iterations = (
            self.steps
        ) = 0
        self.worked = self.passes = self.priced = self.flops = self.inside = 0.0
        self.paid_at = self._before = self._cpu_before = 0.0
        self._seen = (0, 0)
        self.restart_clock()

    @property
    def forwards(self) -> float:
        """Full-training-set forward equivalents spent."""
        return self.forwards_after(0, 0, 0.0)

    def forwards_after(self, forwarded: float, backwarded: int, priced: float) -> float:
        """What `forwards` would be with that much more work."""
        work = (
            self.forwarded
            + self.worked
            + forwarded
            + (self.gradient_cost - 1) * (self.backwarded + backwarded)
        )
        return work / self.examples_in_set + self.priced + priced

    @property
    def examples(self) -> int:
        """Examples processed."""
        return self.forwarded + round(self.worked)

    def count_steps(self, steps: int, flops: float) -> None:
        """Count steps of a simulated world, known when its episodes have ended, and the arithmetic that they took."""
        self.steps += steps
        self.flops += flops

    def evaluations_of(self, passes: float) -> int:
        """Evaluations that so many passes more of a learner's own work count, whole ones, while their parts add up."""
        return _whole(self.passes + passes) - _whole(self.passes)

    def ran_backwards(self) -> bool:
        """Whether less is counted than when this was asked before."""
        before, self._seen = self._seen, (self.forwarded, self.evaluations)
        return self._seen[0] < before[0] or self._seen[1] < before[1]

    @property
    def seconds(self) -> float:
        """Wall seconds spent, what was off the clock excluded."""
        stopped = self.clock.stopped
        return self._before + (time.perf_counter() if stopped is None else stopped) - self._started - self.off

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds of the whole process, measuring included."""
        now = time.process_time() if self._cpu_ended is None else self._cpu_ended
        return self._cpu_before + now - self._cpu_started

    def restart_clock(self) -> None:
        """Let the clock run from now, on top of what was saved."""
        self.off, self.clock = 0.0, Clock(self)
        self._cpu_ended: float | None = None
        self._started = time.perf_counter()
        self._cpu_started = time.process_time()

    def end(self) -> None:
        """The run is over: both clocks stand still from now on, until `restart_clock`."""
        self.clock.__enter__()
        self._cpu_ended = time.process_time()

    def save(self) -> dict[str, Any]:
        """All that a resumed run needs, as plain numbers."""
        saved: dict[str, Any] = {name: getattr(self, name) for name in self._SAVED}
        return saved | {"steps": self.steps, "seconds": self.seconds, "cpu_seconds": self.cpu_seconds}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what `save` gave."""
        for name in self._SAVED:
            setattr(self, name, saved[name])
        self.steps = saved.get("steps", 0)  # an older checkpoint has none
        self._before, self._cpu_before = saved["seconds"], saved["cpu_seconds"]
        self.restart_clock()


class Clock:
    """Stops a ledger's clock: `with ledger.clock:`, within one another too. stopped: the moment, None while it runs."""

    __slots__ = ("_depth", "_ledger", "stopped")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._depth = ledger, 0
        self.stopped: float | None = None

    def __enter__(self) -> None:
        if self._depth == 0:
            self.stopped = time.perf_counter()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self.stopped is not None:
            self._ledger.off += time.perf_counter() - self.stopped
            self.stopped = None


def _whole(passes: float) -> int:
    return math.ceil(passes - 1e-9)
