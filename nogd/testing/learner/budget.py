"""The budget: never exceeded, and a good recommendation whenever it ends."""

from __future__ import annotations

import math
import time
from typing import Any

from torch import Generator, Tensor

from nogd.bench.audit import Watched, overrun
from nogd.engine.accounts.ledger import Ledger
from nogd.engine.accounts.meter import Limit
from nogd.engine.accounts.till import Till
from nogd.engine.candidates.sets import Candidates
from nogd.engine.objective import Objective
from nogd.engine.state import State
from nogd.errors import LearnerError
from nogd.testing.check import broken, check
from nogd.testing.toys import first_fit, start_of
from nogd.testing.trial import SEED, Trial, enough
from nogd.training.learner import Learner
from nogd.training.loop import train
from nogd.training.recorder import Recorder

SMALL = (1, 2, 3, 5, 8, 13, 21, 34)
# Of a run that only iterations limit: one of them may be a sweep over all parameters.
PATIENCE = 1_000.0
STOPS = 16
# Steps after which a budget of some forwards, evaluations or iterations has ended any run; of seconds, steps that begin
# after them, and after as long as a busy machine may have stood still.
MANY = {"forwards": 2_000, "evaluations": 2_000, "iterations": 2_000, "seconds": 20}
STALL = 1.0


class _CountingTill(Till):
    """Counts by itself what is paid, and how often the run's own end was told."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.refused = 0
        self.paid = Limit(0.0, 0.0, 0.0, 0.0)

    def pay(self, evaluations: int, forwarded: int, **more: Any) -> None:
        super().pay(evaluations, forwarded, **more)
        work = forwarded + more.get("worked", 0.0)
        work += (self.ledger.gradient_cost - 1) * more.get("backwarded", 0)
        self.paid.forwards += work / self.ledger.examples_in_set + more.get("priced", 0.0)
        self.paid.evaluations += evaluations

    def refuse(self, limit: Limit) -> None:
        self.refused += limit is self.limits[0]
        super().refuse(limit)


class Counting(Objective):
    """Pays at a till that counts by itself."""

    _till_kind = _CountingTill

    @property
    def counted(self) -> _CountingTill:
        """The till."""
        assert isinstance(self._till, _CountingTill)
        return self._till


@check(
    "Never catch BudgetSpent (no bare `except`, no `except BaseException`), and leave the meter and the limits alone."
)
def budget_is_never_exceeded(learner: Learner) -> None:
    """What a run may spend is the same for all learners, and its end is final."""
    for number in SMALL:
        _spend(learner, Limit(forwards=number))
        _spend(learner, Limit(evaluations=number))
    for number in SMALL[:3]:
        _spend(learner, Limit(forwards=PATIENCE, iterations=number))


def _spend(learner: Learner, limit: Limit) -> None:
    objective = first_fit(learner).objective(kind=Counting)
    assert isinstance(objective, Counting)
    till = objective.counted
    before = Limit(limit.forwards, limit.evaluations, limit.seconds, limit.iterations)

    def look(_state: State) -> None:
        if till.refused:
            broken("it went on after the budget was spent.")
        if objective.meter.iterations > 200:  # it may cost nothing at all
            raise _Endless

    theta, rng = start_of(objective), Generator().manual_seed(SEED)
    recorder = Recorder(objective.measure)
    try:
        train(learner, objective, theta, rng, limit=limit, recorder=recorder, between_steps=look)
    except _Endless:
        pass
    except LearnerError as error:
        broken(str(error))
    spent = {"forwards": till.paid.forwards, "evaluations": till.paid.evaluations}
    for name, value in {**spent, "iterations": float(objective.meter.iterations)}.items():
        if value > getattr(before, name) * (1 + 1e-9):
            broken(f"it spent {value:g} {name} of a budget of {getattr(before, name):g}.")
    if abs(objective.meter.forwards - till.paid.forwards) > 1e-6 * max(1.0, till.paid.forwards):
        broken(
            f"the meter shows {objective.meter.forwards:g} forwards, but {till.paid.forwards:g} were paid."
        )


@check(
    "Increase `state.iteration`, call the objective in every step, and do what you compute yourself in"
    " `with objective.work(forwards):`."
)
def every_ledger_ends_the_run(learner: Learner) -> None:
    """Forwards, evaluations, seconds and iterations each end a run, whatever the learner calls."""
    for limit in (Limit(forwards=20), Limit(evaluations=20), Limit(iterations=3), Limit(seconds=0.02)):
        _end(learner, limit)


def _end(learner: Learner, limit: Limit) -> None:
    [(ledger, most)] = [(name, most) for name in MANY if (most := getattr(limit, name)) < math.inf]
    objective = first_fit(learner).objective()
    started, steps, late = time.perf_counter(), 0, 0

    def look(_state: State) -> None:
        nonlocal steps, late
        steps += 1
        late += time.perf_counter() > started + most + STALL
        if (late if ledger == "seconds" else steps) > MANY[ledger]:
            broken(f"with a budget of {most:g} {ledger} it goes on after {steps - 1:,} steps.")

    theta, rng = start_of(objective), Generator().manual_seed(SEED)
    recorder = Recorder(objective.measure)
    train(learner, objective, theta, rng, limit=limit, recorder=recorder, between_steps=look)


@check("Leave the meter and its clock alone: the time is measured in the same way for all learners.")
def clock_is_left_alone(learner: Learner) -> None:
    """Seconds are an axis of every report: those of the meter are those of the run, and it never runs backwards."""
    trial = Trial(learner, first_fit(learner))
    trial.forwards = enough(learner, trial.toy)
    trial.run()
    meter, off = trial.objective.meter, trial.recorder.watch.seconds + trial.objective.warming.seconds
    said = overrun(
        {**meter.reading(), "iterations": meter.iterations},
        trial.recorder.points,
        {},
        Watched(trial.recorder.elapsed, off, before=0.0, paid_at=meter.paid_at),
    )
    if said is not None:
        broken(f"{said}.")


class _Endless(Exception):
    """A learner that asks nothing never meets its budget."""


class _StoppingTill(Till):
    """Refuses the call number `stop`."""

    calls, stop = 0, 0

    def pay(self, evaluations: int, forwarded: int, **more: Any) -> None:
        self.calls += 1
        if self.calls == self.stop:
            self.refuse(self.limits[0])
        super().pay(evaluations, forwarded, **more)


class Stopping(Objective):
    """Watches what is recommended until its till stops.

    early: what is wrong with a recommendation that was made before it was scored.
    """

    _till_kind = _StoppingTill

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.early = ""
        self.boundary: Tensor | None = None
        self._scored: set[bytes] = set()

    def losses(self, candidates: Candidates, rows: Tensor | None = None) -> Tensor:
        losses = super().losses(candidates, rows)
        self._look(candidates)
        return losses

    def outputs(self, candidates: Candidates, rows: Tensor | None = None) -> Tensor:
        outputs = super().outputs(candidates, rows)
        self._look(candidates)
        return outputs

    def _look(self, candidates: Candidates) -> None:
        asked = [_digest(theta) for theta in candidates.dense()]
        if self.boundary is not None and not self.early:
            self._judge(self.boundary, asked)
        self._scored.update(asked)

    def _judge(self, boundary: Tensor, asked: list[bytes]) -> None:
        """Find a recommendation that is only now being tried, and is worse than what the step began with."""
        now = _digest(self.recommendation)
        if now == _digest(boundary) or now in self._scored or now not in asked:
            return
        before, after = (float(self._scorer.losses(theta[None])) for theta in (boundary, self.recommendation))
        if not after <= before:
            call = self.stopping.calls
            self.early = (
                f"at call {call} state.theta already was the candidate that was being tried, which is worse"
                f" ({after:.4g}) than what the step began with ({before:.4g})."
            )

    @property
    def stopping(self) -> _StoppingTill:
        """The till."""
        assert isinstance(self._till, _StoppingTill)
        return self._till


@check(
    "Call the objective first and change `state.theta` after; undo what was moved for a trial before calling it."
)
def every_stop_leaves_a_valid_recommendation(learner: Learner) -> None:
    """A run may end at any call of the objective, and what `state.theta` holds then is its result."""
    watched = _stopped(learner, 0)
    if watched.early:
        broken(watched.early)
    calls = watched.stopping.calls
    few = range(1, min(calls, STOPS) + 1)
    for stop in sorted({*few, *range(1, calls + 1, max(1, calls // STOPS))}):
        theta: object = _stopped(learner, stop).recommendation
        expected = (watched.D,), watched.dtype, watched.device
        if not isinstance(theta, Tensor) or (theta.shape, theta.dtype, theta.device) != expected:
            broken(
                f"stopped at call {stop}, state.theta is {_described(theta)}, not {list(expected[0])} {expected[1]}."
            )
        if not theta.isfinite().all():
            broken(f"stopped at call {stop}, state.theta is not finite.")


def _stopped(learner: Learner, stop: int) -> Stopping:
    trial = Trial(learner, first_fit(learner), recorded=False, kind=Stopping)
    objective = trial.objective
    assert isinstance(objective, Stopping)
    objective.stopping.stop = stop

    def look(state: State) -> None:
        objective.boundary = state.theta.detach().clone()

    trial.between = look
    trial.run()
    return objective


def _digest(theta: Tensor) -> bytes:
    return theta.detach().cpu().contiguous().numpy().tobytes()


def _described(theta: object) -> str:
    return f"{list(theta.shape)} {theta.dtype}" if isinstance(theta, Tensor) else repr(theta)[:60]


CHECKS = (
    budget_is_never_exceeded,
    every_ledger_ends_the_run,
    clock_is_left_alone,
    every_stop_leaves_a_valid_recommendation,
)
