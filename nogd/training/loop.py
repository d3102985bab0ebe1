"""One run of one learner on one objective: the loop that `nogd.fit` and the bench share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import Generator, Tensor

from nogd.engine.accounts.meter import BudgetSpent, Limit, TargetReached
from nogd.engine.accounts.till import Till
from nogd.engine.objective import Objective
from nogd.engine.state import State, alone, has_ended
from nogd.errors import InvalidSetting, LearnerError
from nogd.training.freed_memory import keep_freed_memory
from nogd.training.learner import Learner
from nogd.training.recorder import Recorder

Ending = Literal["ok", "target", "budget", "diverged", "stopped"]
_AT_TARGET = "the target is reached"


class Stopped(BaseException):
    """Whoever is called between steps ends the run."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended. theta: the solution `[D]`; loss: its training loss."""

    status: Ending
    reason: str
    theta: Tensor
    loss: float


def train(
    learner: Learner,
    objective: Objective,
    theta: Tensor,
    rng: Generator,
    *,
    limit: Limit,
    recorder: Recorder,
    target: float | None = None,
    saved: dict[str, Any] | None = None,
    between_steps: Callable[[State], None] | None = None,
) -> Outcome:
    """Train from theta `[D]` until the learner is finished, the limit is reached or a candidate meets the target.

    theta is only read, and let go of as soon as another recommendation is recorded.
    saved: what `snapshot` gave; the run then goes on from there and ends exactly as one that never stopped.
    between_steps: called before each step, when a snapshot may be taken; it ends the run by raising Stopped.
    """
    keep_freed_memory()
    till = objective.begin(theta, limit, recorder, target, rng.initial_seed())
    del theta  # a large one is not kept beside the recommendation and the last good one
    if saved is not None:
        objective.restore(saved["objective"])
        objective.follow(saved["state"])
    with till.ledger.clock, recorder.watch:
        recorder.begin(objective, None if saved is None else saved["recorder"], till)
    till.at_work = True
    try:
        status, reason = _steps(learner, objective, rng, till, recorder, saved, between_steps)
    finally:
        till.at_work = False
    _check_data(learner, objective)
    till.conclude()
    with till.ledger.clock, recorder.watch:
        outcome = _outcome(objective, till, recorder, status, reason)
    till.ledger.end()
    return outcome


def snapshot(objective: Objective, recorder: Recorder, state: State) -> dict[str, Any]:
    """All that a resumed run needs; taken between steps only."""
    return {"objective": objective.save(), "recorder": recorder.save(), "state": state}


def _steps(
    learner: Learner,
    objective: Objective,
    rng: Generator,
    till: Till,
    recorder: Recorder,
    saved: dict[str, Any] | None,
    between_steps: Callable[[State], None] | None,
) -> tuple[Ending, str]:
    ledger = till.ledger
    try:
        for start in recorder.points[-1:]:
            till.end_at_target(start["loss"])
        state: State = (
            learner.init(objective, objective.recommendation.clone(), rng)
            if saved is None
            else saved["state"]
        )
        objective.follow(state)
        while not has_ended(learner, state):
            if between_steps is not None:
                with ledger.clock, recorder.watch:
                    between_steps(state)
            if advance(learner, objective, state, till, recorder.solution):
                with ledger.clock, recorder.watch:
                    recorder.iteration_ended(state.iteration)
        return "ok", str(state.finished)
    except TargetReached as reached:
        objective.follow(State(theta=reached.theta, iteration=ledger.iterations, phase=objective.phase))
        return "target", _AT_TARGET
    except BudgetSpent:
        return "budget", "the budget is spent"
    except Stopped:
        return "stopped", "the callback ended it"


def advance(learner: Learner, objective: Objective, state: State, till: Till, good: Tensor) -> bool:
    """One step of the learner; whether an iteration ended with it.

    good: what is recommended `[D]` where the learner leaves something of another shape, which raises InvalidSetting.
    Raises LearnerError where the meter went back.
    """
    ledger = till.ledger
    till.check_step()
    learner.step(objective, state)
    if ledger.ran_backwards() or state.iteration < ledger.iterations:
        raise LearnerError(
            f"{learner} overran its budget: it turned the meter back, so that its run is void."
        )
    if state.theta.shape != good.shape:
        objective.follow(State(theta=good))
        raise InvalidSetting(
            f"{learner.name} left a recommendation of shape {list(state.theta.shape)} in its state; theta has"
            f" shape {list(good.shape)}."
        )
    ended = state.iteration != ledger.iterations
    ledger.iterations = state.iteration
    return ended


def _check_data(learner: Learner, objective: Objective) -> None:
    if (what := objective.written_into) is not None:
        raise LearnerError(
            f"{learner} wrote into the training {what}, so that its run is void; a learner works on"
            " copies, such as objective.inputs.clone()."
        )


def _outcome(objective: Objective, till: Till, recorder: Recorder, status: Ending, reason: str) -> Outcome:
    loss = recorder.finish()["loss"]
    if till.meets_target(loss):
        status, reason = "target", _AT_TARGET
    if math.isfinite(loss) or not till.is_scored:
        return Outcome(status, reason, alone(objective.recommendation), loss)
    last = [point["loss"] for point in recorder.points if math.isfinite(point["loss"])]
    found = last[-1] if last else math.inf
    return Outcome("diverged", f"the final loss is {loss}", recorder.solution, found)
