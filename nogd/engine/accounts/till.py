"""The till of an objective: what every call pays at, where limits end a run, and what becomes known by paying."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor

from nogd.engine.accounts.ledger import Ledger
from nogd.engine.accounts.meter import BudgetSpent, Limit, TargetReached
from nogd.engine.accounts.stopwatch import Stopwatch
from nogd.engine.accounts.trace import Trace
from nogd.engine.fork_safe_lock import ForkSafeLock
from nogd.engine.state import State
from nogd.plugins.access import ACCESS, strongest

_PLENTY = sys.maxsize


class Recording(Protocol):
    """What the till tells before it charges a call that passes a point of the recorder's grid.

    watch: runs while the meter's clock stands still for it.
    """

    next_forwards: float
    watch: Stopwatch

    def settle(self, forwards: float) -> None:
        """Measure the recommendation and write it to all grid points below `forwards`."""


class Numbered(Protocol):
    """Candidates of which one can be had by its number."""

    def at(self, k: int) -> Tensor:
        """Candidate k, `[D]`."""


class Till:
    """The single gate that all calls pass: refuse what does not fit, settle the recorder, then count.

    at_work: whether a learner runs, who may not see what is measured. target: the training loss that ends the run.
    mask: in train mode, gives a call the masks of the run's seed and a number. The losses of two calls are then no
    measure of two candidates, so that what is measured makes up the trace and meets the target, not what is scored.
    access: the strongest that was used in this run.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.trace = ledger, Trace()
        self.limits: list[Limit] = [Limit()]
        self.recorder: Recording | None = None
        self.target = -math.inf
        self.at_work = False
        self.access = ACCESS[0]
        self.mask: Callable[[int, float], None] | None = None
        self._seed = 0
        self._lock = ForkSafeLock()  # at the ledger and the trace
        self._start: Tensor | None = None
        self._state: State | None = None  # whose theta is the recommendation
        self._outer_state: State | None = None  # the whole learner's own, which has the phase

    # -- the run

    def begin(
        self, start: Tensor, limit: Limit, recorder: Recording | None, target: float | None, seed: int
    ) -> None:
        """Make ready for one run from `start` `[D]`, which is only read, and let go of once there is a state."""
        self._start, self.limits, self.recorder, self._seed = start, [limit], recorder, seed
        self._state = self._outer_state = None
        self.access = ACCESS[0]
        self.target = -math.inf if target is None else target
        self.ledger.restart_clock()

    def follow(self, state: State) -> None:
        """From now on `state.theta` is the recommendation."""
        self._state = self._outer_state = state
        self._start = None

    @property
    def has_begun(self) -> bool:
        """Whether there is a run, and so a recommendation."""
        return self._state is not None or self._start is not None

    @property
    def recommendation(self) -> Tensor:
        """What the learner recommends at this moment, `[D]`."""
        if self._state is not None:
            return self._state.theta
        assert self._start is not None
        return self._start

    @property
    def state(self) -> State | None:
        """The state that is trained now; None while a learner initialises."""
        return self._state

    @property
    def phase(self) -> int:
        """Number of the learner's phase."""
        return 0 if self._outer_state is None else self._outer_state.phase

    @property
    def is_measured(self) -> bool:
        """Whether whoever asks now asks for the record: no learner is at work, or its clock stands still."""
        return not self.at_work or self.ledger.clock.stopped is not None

    def save(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"meter": self.ledger.save(), "trace": self.trace.save(), "access": self.access}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what `save` gave."""
        self.ledger.restore(saved["meter"])
        self.trace.restore(saved["trace"])
        self.access = saved["access"]

    # -- the budget

    @property
    def left(self) -> Limit:
        """What the narrowest limit leaves of each ledger; infinity where there is none."""
        ledger, limits = self.ledger, self.limits
        return Limit(
            min(limit.forwards for limit in limits) - ledger.forwards,
            min(limit.evaluations for limit in limits) - ledger.evaluations,
            min(limit.seconds for limit in limits) - ledger.seconds,
            min(limit.iterations for limit in limits) - ledger.iterations,
        )

    def room(self, examples: int) -> int:
        """How many candidates of so many examples each still fit the narrowest limit, at least 1."""
        return max(1, min(self._room(limit, examples) for limit in self.limits))

    def _room(self, limit: Limit, examples: int) -> int:
        ledger = self.ledger
        free = min(limit.evaluations - ledger.evaluations, _PLENTY)
        if limit.forwards < math.inf:
            free = min(free, (limit.forwards - ledger.forwards) * ledger.examples_in_set / examples + 1)
        count = int(free)
        # The quotient may be off by one where the gate, which adds up whole examples, is not.
        while count > 0 and ledger.forwards_after(count * examples, 0, 0.0) > limit.forwards:
            count -= 1
        return count

    @contextmanager
    def within(self, limit: Limit, state: State | None) -> Iterator[Limit]:
        """Apply a limit, and a state if there is one; swallows only this limit's end."""
        outer = self._state
        self.limits.append(limit)
        if state is not None:
            self._state = state
        try:
            yield limit
        except BudgetSpent as end:
            if end.limit is not limit:
                raise
        finally:
            self.limits.pop()
            self._state = outer

    def check_step(self) -> None:
        """Raise BudgetSpent if the iterations or the seconds of some limit are used up."""
        iterations, seconds = self.ledger.iterations + 1, self.ledger.seconds
        for limit in self.limits:
            if (
                iterations > limit.iterations or seconds > limit.seconds
            ):  # a share may end between two iterations
                self.refuse(limit)

    def refuse(self, limit: Limit) -> None:
        """End what this limit is for."""
        limit.spent = True
        raise BudgetSpent(limit)

    def pay(
        self,
        evaluations: int,
        forwarded: int,
        *,
        backwarded: int = 0,
        gradients: int = 0,
        worked: float = 0.0,
        priced: float = 0.0,
        flops: float = 0.0,
    ) -> None:
        """Refuse what does not fit before anything is computed, settle the recorder, then count."""
        with self._lock:
            ledger = self.ledger
            forwards = ledger.forwards_after(forwarded + worked, backwarded, priced)
            asked, seconds = ledger.evaluations + evaluations, ledger.seconds
            for limit in self.limits:  # outermost first: the run's own end wins
                if forwards > limit.forwards or asked > limit.evaluations or seconds > limit.seconds:
                    self.refuse(limit)
            if self.recorder is not None and forwards > self.recorder.next_forwards:
                with ledger.clock, self.recorder.watch:
                    self.recorder.settle(forwards)
            if self.mask is not None and evaluations:
                self.mask(self._seed, ledger.evaluations)  # no two calls begin at one number
            ledger.paid_at = seconds
            ledger.forwarded += forwarded
            ledger.backwarded += backwarded
            ledger.worked += worked
            ledger.priced += priced
            ledger.evaluations = asked
            ledger.gradients += gradients
            ledger.flops += flops

    def used(self, access: str) -> None:
        """Note what the run looked at, if it is more than before."""
        if access != self.access:
            self.access = strongest((access, self.access))

    # -- what becomes known

    def note(self, losses: Tensor, candidates: Numbered, lowest: float) -> None:
        """Keep the best loss so far; end the run at the candidate that reaches the target, to the evaluation."""
        with self._lock:
            if lowest >= self.trace.best or self.mask is not None:
                return
            if lowest <= self.target:
                first = int((losses <= self.target).nonzero()[0])
                self._refund(len(losses) - first - 1)
                self.trace.extend(losses[: first + 1], self.ledger)
                raise TargetReached(candidates.at(first))
            self.trace.extend(losses, self.ledger)

    @property
    def is_scored(self) -> bool:
        """Whether it can be known what the recommendation is worth."""
        return True

    def conclude(self) -> None:
        """Make known what the final recommendation is worth, where that cannot be measured."""

    def note_measured(self, loss: float) -> None:
        """Keep a measured training loss if it is the best so far, in train mode."""
        if self.mask is not None:
            self.trace.extend(torch.tensor([loss], dtype=torch.float64), self.ledger)

    def meets_target(self, loss: float) -> bool:
        """Whether a measured training loss ends the run, as it does in train mode."""
        return self.mask is not None and loss <= self.target

    def end_at_target(self, loss: float) -> None:
        """Raise TargetReached if that measured training loss of the recommendation ends the run."""
        if self.meets_target(loss):
            raise TargetReached(self.recommendation.clone())

    def _refund(self, unused: int) -> None:
        """Take back the candidates behind the one that reached the target; their arithmetic was done and stays."""
        self.ledger.evaluations -= unused
        self.ledger.forwarded -= unused * self.ledger.examples_in_set
