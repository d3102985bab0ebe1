"""What a run may spend and what it has spent: budgets, limits and the meter."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor


class BudgetSpent(BaseException):
    """A call did not fit the budget; nothing of it was computed.

    A BaseException, so that no `except Exception` of a library swallows it; no learner catches it.
    """

    def __init__(self, limit: Limit) -> None:
        super().__init__("the budget is spent")
        self.limit = limit


class TargetReached(BaseException):
    """A scored candidate reached the target; `theta` is that candidate, `[D]`."""

    def __init__(self, theta: Tensor) -> None:
        super().__init__("the target is reached")
        self.theta = theta


class Budget(BaseModel):
    """How much a run may spend; whichever limit is reached first ends it, and None is no limit.

    forwards: full-training-set forward equivalents. evaluations: loss and gradient queries.
    seconds: wall time, measuring excluded. iterations: the learner's own natural count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    forwards: float | None = Field(None, gt=0)
    evaluations: int | None = Field(None, gt=0)
    seconds: float | None = Field(None, gt=0)
    iterations: int | None = Field(None, gt=0)

    def limit(self) -> Limit:
        """This budget as ceilings on a fresh meter."""
        forwards, evaluations, seconds, iterations = (
            math.inf if value is None else value for value in self._values()
        )
        return Limit(forwards, evaluations, seconds, iterations)

    def __bool__(self) -> bool:
        """Whether anything is limited at all."""
        return any(value is not None for value in self._values())

    def _values(self) -> tuple[float | None, ...]:
        return self.forwards, self.evaluations, self.seconds, self.iterations


@dataclass(slots=True)
class Limit:
    """Absolute ceilings on the meter; `spent` says that a call was refused because of this one."""

    forwards: float = math.inf
    evaluations: float = math.inf
    seconds: float = math.inf
    iterations: float = math.inf
    spent: bool = False


class Meter:
    """The ledgers of a run, in whole examples inside, so that seven mini-batches of a seventh are exactly one forward.

    examples_in_set: training examples N. gradient_cost: forwards that a full gradient counts (PROTOCOL.md's r).
    forwarded: examples passed forwards. backwarded: examples passed backwards, or in tangents, which costs the same.
    """

    __slots__ = (
        "_before",
        "_cpu_before",
        "_cpu_started",
        "_off",
        "_started",
        "backwarded",
        "declared",
        "evaluations",
        "examples_in_set",
        "flops",
        "forwarded",
        "gradient_cost",
        "gradients",
        "inside",
        "iterations",
    )
    _SAVED = (
        "backwarded",
        "declared",
        "evaluations",
        "flops",
        "forwarded",
        "gradients",
        "inside",
        "iterations",
    )

    def __init__(self, examples_in_set: int, gradient_cost: float) -> None:
        self.examples_in_set = examples_in_set
        self.gradient_cost = gradient_cost
        self.forwarded = self.backwarded = self.evaluations = self.gradients = self.iterations = 0
        self.declared = self.flops = self.inside = 0.0
        self._before = self._cpu_before = 0.0
        self.restart_clock()

    @property
    def forwards(self) -> float:
        """Full-training-set forward equivalents spent."""
        return self.forwards_after(0, 0, 0.0)

    def forwards_after(self, forwarded: int, backwarded: int, declared: float) -> float:
        """What `forwards` would be with that much more work."""
        work = self.forwarded + forwarded + (self.gradient_cost - 1) * (self.backwarded + backwarded)
        return work / self.examples_in_set + self.declared + declared

    @property
    def examples(self) -> int:
        """Examples processed."""
        return self.forwarded

    @property
    def seconds(self) -> float:
        """Wall seconds spent, measuring excluded."""
        return self._before + time.perf_counter() - self._started - self._off

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds of the whole process, measuring included."""
        return self._cpu_before + time.process_time() - self._cpu_started

    @property
    def measuring(self) -> float:
        """Wall seconds spent on measuring since the clock started, which `seconds` leaves out."""
        return self._off

    def pause(self, seconds: float) -> None:
        """Take that many seconds off the clock."""
        self._off += seconds

    def restart_clock(self) -> None:
        """Let the clock run from now, on top of what was saved."""
        self._off = 0.0
        self._started = time.perf_counter()
        self._cpu_started = time.process_time()

    def save(self) -> dict[str, Any]:
        """All that a resumed run needs, as plain numbers."""
        saved: dict[str, Any] = {name: getattr(self, name) for name in self._SAVED}
        return saved | {"seconds": self.seconds, "cpu_seconds": self.cpu_seconds}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what `save` gave."""
        for name in self._SAVED:
            setattr(self, name, saved[name])
        self._before, self._cpu_before = saved["seconds"], saved["cpu_seconds"]
        self.restart_clock()

    def reading(self) -> dict[str, float]:
        """The ledgers of PROTOCOL.md, by name."""
        return {
            "forwards": self.forwards,
            "evaluations": self.evaluations,
            "gradients": self.gradients,
            "examples": self.examples,
            "flops": self.flops,
            "seconds": self.seconds,
        }

    def __repr__(self) -> str:
        return "Meter(" + ", ".join(f"{name}={value:.6g}" for name, value in self.reading().items()) + ")"
