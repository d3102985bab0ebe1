"""What a run may spend and what it has spent: budgets, limits and the meter, which is for reading only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NoReturn

from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from nogd.engine.accounts.ledger import Ledger


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
    """How much a run may spend; whichever limit is reached first ends it, None is no limit, and there is one at least.

    forwards: full-training-set forward equivalents. evaluations: loss and gradient queries.
    seconds: wall time, measuring excluded. iterations: the learner's own natural count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    forwards: float | None = Field(None, gt=0)
    evaluations: int | None = Field(None, gt=0)
    seconds: float | None = Field(None, gt=0)
    iterations: int | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _limits(self) -> Budget:
        """Without any limit a run would have no end, and no table an equal cost."""
        given = [value for value in self._values() if value is not None]
        if not given:
            raise ValueError(
                "a budget limits something: give forwards, evaluations, seconds or iterations, or several of them"
            )
        if math.inf in given:
            raise ValueError("a limit must be finite; leave it out where there is none")
        return self

    def limit(self) -> Limit:
        """This budget as ceilings on a fresh meter."""
        forwards, evaluations, seconds, iterations = (
            math.inf if value is None else value for value in self._values()
        )
        return Limit(forwards, evaluations, seconds, iterations)

    def _values(self) -> tuple[float | None, ...]:
        return self.forwards, self.evaluations, self.seconds, self.iterations


@dataclass(slots=True)
class Limit:
    """Absolute limits on the meter.

    :param forwards: infinity for no limit, as in all of these.
    :param evaluations: loss and gradient queries.
    :param seconds: of the run.
    :param iterations: the learner's own.
    :param spent: whether a call was refused because of this limit.
    """

    forwards: float = math.inf
    evaluations: float = math.inf
    seconds: float = math.inf
    iterations: float = math.inf
    spent: bool = False


class Meter:
    """What a run has spent, for reading; the objective alone counts.

    examples_in_set: training examples N. gradient_cost: forwards that a full gradient counts (PROTOCOL.md's r).
    """

    __slots__ = ("_ledger",)
    _ledger: Ledger

    def __init__(self, ledger: Ledger) -> None:
        object.__setattr__(self, "_ledger", ledger)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(
            f"the meter is for reading, so {name} cannot be set: the objective counts what it is asked for, and what a"
            " learner computes by itself is paid by `with objective.work(forwards):`."
        )

    def __reduce__(self) -> tuple[type[Meter], tuple[Ledger]]:
        return Meter, (self._ledger,)

    @property
    def examples_in_set(self) -> int:
        """Training examples N; 1 for a black box."""
        return self._ledger.examples_in_set

    @property
    def gradient_cost(self) -> float:
        """Forwards that a full gradient counts; 1 where there is none."""
        return self._ledger.gradient_cost

    @property
    def forwards(self) -> float:
        """Full-training-set forward equivalents spent."""
        return self._ledger.forwards

    @property
    def evaluations(self) -> int:
        """Loss and gradient queries."""
        return self._ledger.evaluations

    @property
    def gradients(self) -> int:
        """Gradient queries among them."""
        return self._ledger.gradients

    @property
    def examples(self) -> int:
        """Examples processed."""
        return self._ledger.examples

    @property
    def flops(self) -> float:
        """The arithmetic of it, by the shapes of layers."""
        return self._ledger.flops

    @property
    def steps(self) -> int:
        """Steps of a simulated world, over all candidates and episodes."""
        return self._ledger.steps

    @property
    def iterations(self) -> int:
        """The learner's own natural count."""
        return self._ledger.iterations

    @property
    def worked(self) -> float:
        """Passes over examples that the learner declared by `work`, in full-training-set forwards."""
        return self._ledger.worked / self._ledger.examples_in_set

    @property
    def seconds(self) -> float:
        """Wall seconds spent, measuring excluded."""
        return self._ledger.seconds

    @property
    def paid_at(self) -> float:
        """What `seconds` showed when the last call was paid."""
        return self._ledger.paid_at

    @property
    def inside(self) -> float:
        """Of these, the seconds of scoring; the rest is the learner's own."""
        return self._ledger.inside

    @property
    def measuring(self) -> float:
        """Wall seconds off the clock since it started: measuring, checkpoints, what costs more the first time."""
        return self._ledger.off

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds of the whole process, measuring included."""
        return self._ledger.cpu_seconds

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
