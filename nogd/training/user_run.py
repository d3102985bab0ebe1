"""One run of a user who may wait for it: told of its points, shown how far it is, saved and taken up again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from torch import Generator, Tensor, nn

from nogd.engine.accounts.meter import Limit
from nogd.engine.objective import Objective
from nogd.engine.state import State
from nogd.training import checkpoints
from nogd.training.call_identity import start_of
from nogd.training.callbacks import Callback, RunCallbacks
from nogd.training.checkpoints import Checkpoint, saving, tried
from nogd.training.learner import Learner
from nogd.training.loop import Ending, Outcome, snapshot, train
from nogd.training.progress import Display, display
from nogd.training.recorder import Measure, Point, Recorder


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks for: see `nogd.fit`. measure: of the curve; checkpoint: the file of this very call."""

    learner: Learner
    measure: Measure
    limit: Limit
    seed: int
    target: float | None
    callback: Callback | None
    progress: bool | None
    checkpoint: Checkpoint | None


@dataclass(frozen=True)
class Ended:
    """How a run ended, as `nogd.Run` has it."""

    status: Ending
    reason: str
    theta: Tensor
    loss: float
    best_loss: float
    validation_loss: float
    points: list[Point]


def run_for_user(request: Request, trained: Objective, module: nn.Module) -> Ended:
    """Train from the module's parameters, or go on from the checkpoint, and leave the solution in the module."""
    file = request.checkpoint
    if file is not None and "ended" in file.content:
        ended = _again(file, trained, request)
    else:
        ended = _trained(request, trained, module)
    trained.write(ended.theta, module)
    if file is not None:
        tried(lambda: file.left_in_module(start_of(module, trained.space)))
    return ended


def _again(file: Checkpoint, trained: Objective, request: Request) -> Ended:
    """What an equal call ended with."""
    ended = Ended(**file.content["ended"])
    trained.restore(file.content["objective"])
    RunCallbacks(request.callback, None, None, request.limit, trained.meter).told(ended.points)
    return ended


def _trained(request: Request, trained: Objective, module: nn.Module) -> Ended:
    file, shown = request.checkpoint, display(request.progress)
    rng = Generator(trained.device).manual_seed(request.seed)
    save: Callable[[State], None] | None = None
    if file is not None:
        save = saving(lambda state: file.save(snapshot(trained, recorder, state)), checkpoints.SECONDS)
    callbacks = RunCallbacks(request.callback, shown, save, request.limit, trained.meter)
    recorder = Recorder(request.measure, by_iteration=True, emit=callbacks.point)
    saved = None if file is None or not file.content else file.content
    with _salvaging(trained, module, file, shown):
        if saved is not None:
            callbacks.told(saved["recorder"]["points"])
        outcome = train(
            request.learner,
            trained,
            trained.space.read(module),
            rng,
            limit=request.limit,
            recorder=recorder,
            target=request.target,
            saved=saved,
            between_steps=callbacks.between_steps,
        )
    ended = _ended(outcome, trained, recorder.points, request.measure)
    if file is not None:
        tried(lambda: file.save({"ended": vars(ended), "objective": trained.save()}))
    return ended


@contextmanager
def _salvaging(
    trained: Objective, module: nn.Module, file: Checkpoint | None, shown: Display | None
) -> Iterator[None]:
    """After Ctrl-C, or an error of the learner or the score, what was found so far is in the module."""
    try:
        yield
    except BaseException:
        with suppress(Exception):  # the module may be at fault
            trained.write(trained.recommendation, module)
            if file is not None:
                file.left_in_module(start_of(module, trained.space))
        raise
    finally:
        if shown is not None:
            shown.end()


def _ended(outcome: Outcome, trained: Objective, points: list[Point], measure: Measure) -> Ended:
    best = min(trained.trace.best, outcome.loss)
    # The last point of a run that diverged is not what it leaves.
    left = measure(outcome.theta) if outcome.status == "diverged" else points[-1]
    validation = left.get("validation_loss", math.nan)
    return Ended(outcome.status, outcome.reason, outcome.theta, outcome.loss, best, validation, points)
