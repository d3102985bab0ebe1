"""Run an experiment: skip what is done, resume what was interrupted, keep everything that finishes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from nogd.bench.allowance import memory_of_a_cell
from nogd.bench.cell import Cell
from nogd.bench.environment import environment
from nogd.bench.events import Event, Executor, Finished, Pointed, Saved, Started, Warned
from nogd.bench.executors import executor_for
from nogd.bench.experiment import Experiment
from nogd.bench.forking import ForkServer
from nogd.bench.intake import checked
from nogd.bench.local import LocalExecutor
from nogd.bench.perform import Job
from nogd.bench.plan import Planned, plan
from nogd.bench.record import TRIED_AGAIN, Record, lost_record
from nogd.bench.session import Outcome, Session, observed
from nogd.bench.slicing import slice_losses
from nogd.bench.store import Store
from nogd.bench.wire import Unusable
from nogd.engine.device import find_device
from nogd.plugins.manager import plugins
from nogd.problem.reference import reference_file


class Progress(Protocol):
    """Who is shown how a run gets on."""

    def begin(self, total: int, done: int) -> None:
        """So many cells are planned, and so many of them are done already."""

    def tell(self, event: Event) -> None:
        """Something happened to a cell."""

    def waiting(self, cells: int) -> None:
        """So many cells cannot begin, as another process is at work on them."""

    def done_elsewhere(self) -> None:
        """Another process has finished a cell that was waited for."""

    def end(self) -> None:
        """The run is over, or was interrupted."""


@dataclass(frozen=True)
class Summary:
    """What a call did. planned: ids of all cells; ran, failed: how many of them now."""

    planned: tuple[str, ...]
    ran: int
    failed: int


def execute(
    experiment: Experiment,
    out: Path,
    *,
    jobs: int | None,
    fresh: bool,
    progress: Progress,
    checkpoint_seconds: float = 5.0,
    fork_server: ForkServer | None = None,
) -> Summary:
    """Run what is not done yet and keep each run as it finishes. Raises UserError; KeyboardInterrupt passes through.

    checkpoint_seconds: how much of a run is lost at most if all processes are killed. fork_server: where worker
    processes come from, if it was started before.
    """
    planned, executor = prepare(experiment, jobs)
    store = Store(out, create=True)
    try:
        ids = [item.cell.id for item in planned]
        if fresh:
            store.ask_again(ids)
        session = _begin(experiment, planned, store)
        memory = experiment.memory or (memory_of_a_cell(executor.workers) if executor.is_here else None)
        work = _Work(experiment, planned, store, session, progress, memory, checkpoint_seconds)
        if fork_server is not None and isinstance(executor, LocalExecutor):
            executor.adopt(fork_server)
        cells = tuple(item.cell for item in planned)
        pending = tuple(item.cell for item in work.pending)
        with observed(Session(session, out, str(executor), cells, pending)) as work.outcome, executor:
            if work.pending:
                work.run(executor)
            if experiment.keep_thetas:
                slice_losses(store, planned, executor, experiment.timeout)
        return Summary(tuple(ids), work.outcome.ran, work.outcome.failed)
    finally:
        store.close()


def prepare(experiment: Experiment, jobs: int | None) -> tuple[list[Planned], Executor]:
    """The cells, and what is to run them. Raises UserError for whatever a run refuses before it begins."""
    executor = executor_for(experiment.executor, jobs, experiment.threads)
    if executor.is_here:
        find_device(experiment.device)  # once, rather than in every cell
    return plan(experiment), executor


def _begin(experiment: Experiment, planned: Sequence[Planned], store: Store) -> int:
    """Note this call, what it asks for, and what its tasks are measured by; returns its number.

    Also where all is done: which runs count, and by which settings they are shown, follows from the last call.
    """
    settings = _settings(experiment) | {"tags": _tags(planned)}
    session = store.begin_session(_now(), environment(), settings)
    cells = [item.cell for item in planned]
    store.plan([(cell.id, cell.label, cell.task, cell.repetition) for cell in cells], session)
    tasks = {item.cell.task: item.task for item in planned}
    files = {name: reference_file(type(task)) for name, task in tasks.items()}
    store.freeze(
        (name, task.version, task.reference, None if (path := files[name]) is None else str(path))
        for name, task in tasks.items()
    )
    return session


class _Work:
    """The cells of one call that are not done, and what happens to them."""

    def __init__(
        self,
        experiment: Experiment,
        planned: list[Planned],
        store: Store,
        session: int,
        progress: Progress,
        memory: float | None,
        checkpoint_seconds: float,
    ) -> None:
        self._known, self._begun = store.endings(), store.begun()
        self.pending = [item for item in planned if self._is_pending(item)]
        self.outcome = Outcome()
        self._experiment, self._store, self._session, self._progress = experiment, store, session, progress
        self._done_before = len(planned) - len(self.pending)
        self._checkpoint_seconds = checkpoint_seconds
        self._memory = memory
        self._started: dict[str, str] = {}

    def _is_pending(self, item: Planned) -> bool:
        ending = self._known.get(item.cell.id)
        return ending is None or ending[0] in TRIED_AGAIN or item.cell.id in self._begun

    def run(self, executor: Executor) -> None:
        """Run all pending cells; claims are given up whatever happens."""
        self._progress.begin(self._done_before + len(self.pending), self._done_before)
        try:
            executor.run(self._jobs(), self._tell)
        finally:
            self._progress.end()
            self._store.release(self._started)

    def _jobs(self) -> Iterator[Job | None]:
        """Jobs as they can start; cells that another process is at work on come last, and may be done by then."""
        waiting = self.pending
        while waiting:
            elsewhere: list[Planned] = []
            for item in waiting:
                cell = item.cell
                if not self._store.claim(cell.id, self._experiment.timeout * 2):
                    elsewhere.append(item)
                elif self._store.ending(cell.id) != self._known.get(cell.id):
                    self._store.release([cell.id])
                    self._progress.done_elsewhere()
                else:
                    yield self._job(item)
            waiting = elsewhere
            if waiting:
                self._progress.waiting(len(waiting))
                yield None

    def _job(self, item: Planned) -> Job:
        cell = item.cell
        return Job(
            cell,
            item.learner,
            item.task,
            timeout=self._experiment.timeout,
            memory=self._memory,
            checkpoint=self._store.checkpoint(cell.id),
            checkpoint_seconds=self._checkpoint_seconds,
            keep_thetas=self._experiment.keep_thetas,
        )

    def _tell(self, event: Event) -> None:
        match event:
            case Started(cell):
                self._started[cell.id] = _now()
                plugins().notify("nogd_run_started", cell=cell)
            case Pointed(cell, point):
                plugins().notify("nogd_point", cell=cell, point=point)
            case Saved(cell, state):
                self._store.save_checkpoint(cell.id, state)
            case Finished(cell, record):
                event = Finished(cell, _sound(cell, record))
                self._keep(event)
                plugins().notify("nogd_run_finished", cell=cell, run=event.record)
            case Warned():
                pass
        self._progress.tell(event)

    def _keep(self, event: Finished) -> None:
        record = event.record
        record.row["session"] = self._session
        record.row["started"], record.row["finished"] = self._started.pop(event.cell.id), _now()
        self._store.add(record)
        self.outcome.ran += 1
        self.outcome.failed += record.status in TRIED_AGAIN


def _sound(cell: Cell, record: Record) -> Record:
    """The record, whatever executor it comes from, or that of a cell whose record no store can keep."""
    try:
        return checked(cell, record)
    except Unusable as error:
        return lost_record(cell, "error", f"what its run left cannot be kept: {error}", "", [])


def _settings(experiment: Experiment) -> dict[str, Any]:
    budget = None if experiment.budget is None else experiment.budget.model_dump(exclude_none=True)
    return {
        "reference": experiment.reference,
        "baselines": list(experiment.baselines),
        "repetitions": experiment.repetitions,
        "budget": budget,
    }


def _tags(planned: Sequence[Planned]) -> dict[str, dict[str, list[str]]]:
    """The tags of each learner and task, for reports, which import neither."""
    return {
        "learners": {item.cell.label: sorted(item.learner.tags) for item in planned},
        "tasks": {item.cell.task: sorted(item.task.tags) for item in planned},
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
