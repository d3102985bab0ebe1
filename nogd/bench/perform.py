"""Run one cell in this process, from its task to its record."""

from __future__ import annotations

import math
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from traceback import format_exception
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from nogd.bench.audit import Watched, overrun
from nogd.bench.cell import Cell
from nogd.bench.columns import run_row
from nogd.bench.decision_grid import decision_grid
from nogd.bench.loss_slice import LossSlice
from nogd.bench.measure import Measure, measure_for
from nogd.bench.memory import peak_megabytes, reset_peak
from nogd.bench.process_state import restored, seed_generators
from nogd.bench.record import Arrays, Record, cell_columns, curve_table, lost_record
from nogd.bench.shards import Shard, ThroughDoor
from nogd.bench.trajectory import Trajectory, is_small
from nogd.bench.wire import LARGEST_PART
from nogd.engine.accounts.meter import Budget
from nogd.engine.black_box import BlackBox
from nogd.engine.candidates.sets import Population
from nogd.engine.device import find_device
from nogd.engine.making import make_network
from nogd.engine.modules.mode import checked_mode
from nogd.engine.network import Network
from nogd.engine.objective import Objective
from nogd.engine.simulation import Simulation
from nogd.engine.space import ParameterSpace
from nogd.engine.state import State, from_bytes, to_bytes
from nogd.errors import InvalidSetting, LearnerError, NogdWarning, in_words
from nogd.problem.task import Problem, Task
from nogd.seeds import derive
from nogd.training.checkpoints import saving
from nogd.training.learner import Learner, refusal
from nogd.training.loop import Outcome, snapshot, train
from nogd.training.recorder import Point, Recorder, budget_grid


@dataclass(frozen=True)
class Job:
    """A cell with all that a process needs to run it.

    :param cell: what to run: learner, task, repetition, budget.
    :param learner: the learner, with its hyper-parameters.
    :param task: the task, with its settings.
    :param timeout: seconds after which the run is killed.
    :param memory: GiB that the run may use, None for no limit.
    :param checkpoint: where an interrupted run continues.
    :param checkpoint_seconds: seconds between checkpoints.
    :param keep_thetas: whether to store the path of the run, if it has few parameters; it changes nothing else.
    :param loss_slice: if given, the task's loss is computed on this plane, in place of a run.
    :param shard: if given, which share of the run's candidates is scored here; other jobs do the rest.
    """

    cell: Cell
    learner: Learner
    task: Task
    timeout: float
    memory: float | None = None
    checkpoint: bytes | None = None
    checkpoint_seconds: float = 5.0
    keep_thetas: bool = True
    loss_slice: LossSlice | None = None
    shard: Shard | None = None


@dataclass(frozen=True)
class Listener:
    """Where the progress of a cell is reported.

    :param point: called with each point of the curve.
    :param checkpoint: called with each checkpoint.
    """

    point: Callable[[Point], None]
    checkpoint: Callable[[bytes], None]


@dataclass
class _RunContext:
    """What one cell works with."""

    problem: Problem
    reference: float
    objective: Objective
    network: Network | None
    measure: Measure
    path: Trajectory | None
    recorder: Recorder


def perform(job: Job, listener: Listener, *, interruptible: bool = True) -> Record:
    """Run a cell in this process and return its record. Whatever its learner or task raises becomes its status and
    traceback.

    :param job: the cell.
    :param listener: is told of its progress.
    :param interruptible: whether KeyboardInterrupt passes through, as it comes from Ctrl-C; if not, the learner raised
        it.
    """
    reset_peak()
    context: _RunContext | None = None
    with restored():
        torch.set_num_threads(job.cell.threads)
        try:
            # By the task alone: data that a task draws are kept for the process's next cells.
            seed_generators(derive("global", job.cell.task))
            context = _context(job, listener)
            if job.loss_slice is not None:
                return _sliced(job.cell, context, job.loss_slice)
            return _performed(job, context, listener)
        except BaseException as error:
            if interruptible and isinstance(error, KeyboardInterrupt):
                raise
            points: Sequence[Point] = () if context is None else context.recorder.points
            if isinstance(error, LearnerError):  # what it reached says nothing
                points = points[:1]
            return lost_record(job.cell, "error", in_words(error), "".join(format_exception(error)), points)


def _performed(job: Job, context: _RunContext, listener: Listener) -> Record:
    reason = refusal(job.learner, context.objective)
    if reason is not None:
        return _inapplicable(job.cell, context, reason)
    theta = context.objective.space.read(context.problem.module)
    context.objective.warm_up(theta)
    cell = job.cell
    stream = derive("learner", cell.task, cell.repetition, cell.learner["name"], cell.learner["settings"])
    rng = Generator(context.objective.device).manual_seed(stream)
    seed_generators(stream)
    saved = None if job.checkpoint is None else _told(from_bytes(job.checkpoint), context, listener)
    limit = Budget.model_validate(cell.budget).limit()
    with _shared(job, context.objective):
        outcome = train(
            job.learner,
            context.objective,
            theta,
            rng,
            limit=limit,
            recorder=context.recorder,
            saved=saved,
            between_steps=_checkpointing(job, context, listener),
        )
    watched = Watched(
        elapsed=context.recorder.elapsed,
        off=context.recorder.watch.seconds + context.objective.warming.seconds,
        before=0.0 if saved is None else saved["objective"]["meter"]["seconds"],
        paid_at=context.objective.meter.paid_at,
    )
    return _audited(_record(cell, context, outcome), cell, context, watched)


@contextmanager
def _shared(job: Job, objective: Objective) -> Iterator[None]:
    """Within, candidates are scored together with the other shards of the run, if there are any."""
    if job.shard is None:
        yield
        return
    with closing(ThroughDoor(job.shard)) as exchange:
        exchange.gather(b"")  # whoever is ready first waits here, where no clock runs
        sharing = objective.share(exchange)
        yield
    if not sharing.divided:
        warnings.warn(
            f"{job.cell.label} asked for nothing that {exchange.count} shards could divide among them, so that each did"
            " all of it; docs/how-to/one-big-run.md says what can be divided.",
            NogdWarning,
            stacklevel=2,
        )


def _told(saved: dict[str, Any], context: _RunContext, listener: Listener) -> dict[str, Any]:
    """What was saved, its curve told first: whoever listens now has not heard it."""
    for point in saved["recorder"]["points"]:
        listener.point(point)
    if context.path is not None and saved["path"] is not None:
        context.path.restore(saved["path"])
    else:  # half a path would look like a whole one
        context.path = None
    return saved


def _context(job: Job, listener: Listener) -> _RunContext:
    cell = job.cell
    problem = job.task.problem(derive("initial", cell.task, cell.repetition))
    scorer = _scorer(problem, cell)
    objective = Objective(scorer, differentiable=problem.differentiable)
    network = scorer if isinstance(scorer, Network) else None
    measure = measure_for(problem, objective, scorer)
    grid = budget_grid(cell.budget["forwards"] or math.inf, measure.cost)
    reference = (job.task.reference or {}).get("test_metric", math.nan)
    path = None
    if job.keep_thetas and is_small(objective.D):
        path = Trajectory(measure, lambda: objective.meter.forwards)
    # Who counts iterations wants to see them.
    by_iteration = cell.budget["iterations"] is not None
    recorder = Recorder(path or measure, grid=grid, by_iteration=by_iteration, emit=listener.point)
    return _RunContext(problem, reference, objective, network, measure, path, recorder)


def _scorer(problem: Problem, cell: Cell) -> Network | BlackBox | Simulation:
    device = find_device(cell.device)
    module = problem.module.to(device)
    space = ParameterSpace(module, problem.bounds)
    if problem.simulator is not None:
        return Simulation(module, space, problem.simulator)
    if problem.score is not None:
        return BlackBox(module, space, problem.score)
    return make_network(
        module,
        problem.train.inputs.to(device),
        problem.train.targets.to(device),
        problem.loss,
        space,
        mode=checked_mode(cell.mode),
    )


def _checkpointing(job: Job, context: _RunContext, listener: Listener) -> Callable[[State], None]:
    def save(state: State) -> None:
        path = {"path": None if context.path is None else context.path.save()}
        saved = to_bytes(snapshot(context.objective, context.recorder, state) | path)
        _refuse_if_large(saved)
        listener.checkpoint(saved)

    return saving(save, job.checkpoint_seconds)


def _refuse_if_large(saved: bytes) -> None:
    if len(saved) > LARGEST_PART:
        raise InvalidSetting(f"it takes {len(saved):,} bytes, and {LARGEST_PART:,} are the most.")


# -- records


def _record(cell: Cell, context: _RunContext, outcome: Outcome) -> Record:
    objective, meter = context.objective, context.objective.meter
    reading = meter.reading()  # once: what follows is no part of the run
    row = _common(cell, context) | reading
    solution = context.measure(outcome.theta) if outcome.status == "diverged" else context.recorder.points[-1]
    row |= {name: value for name, value in solution.items() if name.endswith(("loss", "metric"))}
    row |= {
        "status": outcome.status,
        "reason": outcome.reason,
        "best_loss": min(objective.trace.best, outcome.loss),
        "start_loss": context.recorder.points[0]["loss"],
        "access": objective.access,
        "steps": None if context.problem.simulator is None else meter.steps,
        "cpu_seconds": meter.cpu_seconds,
        "overhead_seconds": max(0.0, reading["seconds"] - meter.inside),
        "measure_seconds": meter.measuring,
        "memory_mb": peak_megabytes(),
    }
    trace = objective.trace.table().numpy(force=True).copy()
    pictures = _pictures(context, outcome.theta)
    curve = curve_table(context.recorder.points)
    return Record(cell.id, run_row(row), curve, trace, _solution(outcome.theta), pictures)


def _audited(record: Record, cell: Cell, context: _RunContext, watched: Watched) -> Record:
    """The record, or that of an error that is worth no more than the start, where the run broke its budget."""
    row: dict[str, Any] = {**record.row}
    reading = {name: row[name] for name in context.objective.meter.reading()}
    counted = reading | {"iterations": float(context.objective.meter.iterations)}
    broken = overrun(counted, context.recorder.points, cell.budget, watched)
    if broken is None:
        return record
    reason = f"{cell.label} overran its budget: {broken}"
    lost = lost_record(cell, "error", reason, "", context.recorder.points[:1])
    return replace(lost, row=run_row({**lost.row, **reading}))


def _solution(theta: Tensor) -> np.ndarray[Any, np.dtype[Any]] | None:
    """The solution, where a store can keep it."""
    found = theta.numpy(force=True)
    if found.nbytes <= LARGEST_PART:
        return found.copy()
    text = f"the solution is not kept: it takes {found.nbytes:,} bytes, and {LARGEST_PART:,} are the most."
    warnings.warn(text, NogdWarning, stacklevel=2)
    return None


def _pictures(context: _RunContext, theta: Tensor) -> dict[str, Arrays]:
    """What only pictures need: a run is not lost where that cannot be had."""
    pictures = {} if context.path is None else {"path": context.path.arrays()}
    with suppress(Exception):  # a module need not work on other data than its own
        pictures |= decision_grid(context.problem, context.network, theta)
    return pictures


def _sliced(cell: Cell, context: _RunContext, loss_slice: LossSlice) -> Record:
    """The losses `[G, G]` on a plane as a picture, float32; y goes down the rows. A black box is not called for it."""
    pictures: dict[str, Arrays] = {}
    if context.network is not None:
        thetas = torch.from_numpy(loss_slice.thetas).to(context.objective.device, context.objective.dtype)
        losses = _measured_losses(cell, context.objective, thetas).astype(np.float32)
        pictures["plane"] = {"grid": losses.reshape(len(loss_slice.y), len(loss_slice.x))}
    row = run_row(cell_columns(cell) | {"status": "ok"})
    return Record(cell.id, row, curve_table([]), pictures=pictures)


def _measured_losses(cell: Cell, objective: Objective, thetas: Tensor) -> np.ndarray[Any, Any]:
    """Those that runs are measured by: in train mode what is scored is another function."""
    if cell.mode == "train":
        return np.array([objective.measure(theta)["loss"] for theta in thetas])
    return objective.losses(Population(thetas)).numpy(force=True)


def _common(cell: Cell, context: _RunContext) -> dict[str, Any]:
    problem = context.problem
    return cell_columns(cell) | {
        "metric_name": problem.metric.name,
        "metric_greater": int(problem.metric.greater_is_better),
        "has_split": int(problem.holds_out),
        "constant": problem.constant,
        "reference": context.reference,
        "gradient_cost": context.objective.gradient_cost,
        "host": socket.gethostname(),
    }


def _inapplicable(cell: Cell, context: _RunContext, reason: str) -> Record:
    row = _common(cell, context) | {"status": "not-applicable", "reason": reason}
    return Record(cell.id, run_row(row), curve_table([]))
