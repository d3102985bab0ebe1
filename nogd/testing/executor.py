"""What every executor must do."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import psutil

from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.events import Event, Executor, Finished, Saved, Started
from nogd.bench.executors import build_executor, sized
from nogd.bench.experiment import make_experiment
from nogd.bench.perform import Job, Listener, perform
from nogd.bench.plan import plan
from nogd.bench.record import Record
from nogd.testing.cast import Fails, Quarters, Stepper
from nogd.testing.check import broken, check
from nogd.training.learner import Learner

WORKERS, TIMEOUT = 2, 60.0
_SECONDS = CURVE_COLUMNS.index("seconds")

Kind = Executor | type[Executor]


@dataclass
class Watched:
    """An executor at work. waits: how often no job can start at first; stop_at: events before Ctrl-C.

    events: what it told; places: where, as process and thread; most_open: jobs taken and not finished at one time;
    left: processes and threads that were alive after.
    """

    kind: Kind
    jobs: list[Job]
    waits: int = 0
    stop_at: int | None = None
    events: list[Event] = field(default_factory=list)
    places: set[tuple[int, int]] = field(default_factory=set)
    most_open: int = 0
    left: int = 0
    asked_to_the_end: bool = False
    _taken: int = 0

    def run(self) -> Watched:
        """Run all jobs; whatever the executor raises passes through."""
        self.home, before = _here(), _alive()
        try:
            sized(build_executor(self.kind), WORKERS, 1).run(self._offered(), self._tell)
        finally:
            self.left = len(_alive() - before)
        return self

    def record(self, job: Job) -> Record:
        """The job's record; the rule is broken where there is none."""
        found = [
            event.record
            for event in self.events
            if isinstance(event, Finished) and event.cell.id == job.cell.id
        ]
        return found[-1] if found else broken(f"it told no Finished for {job.cell.name}.")

    def _offered(self) -> Iterator[Job | None]:
        for _ in range(self.waits):
            yield None
        for job in self.jobs:
            self._taken += 1
            finished = sum(isinstance(event, Finished) for event in self.events)
            self.most_open = max(self.most_open, self._taken - finished)
            yield job
        self.asked_to_the_end = True

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        self.places.add(_here())
        if self.stop_at is not None and len(self.events) > self.stop_at:
            raise KeyboardInterrupt


@check("Report Started, then whatever happens, then Finished, once per job, however it ends.")
def every_job_finishes_once(executor: Kind) -> None:
    """A cell that starts leaves a record, a failed one too: a row, never a gap."""
    watched = _usual(executor)
    for kind in (Started, Finished):
        told = Counter(event.cell.id for event in watched.events if isinstance(event, kind))
        if told != Counter(job.cell.id for job in watched.jobs):
            broken(f"of {len(watched.jobs)} jobs it told {kind.__name__} {sum(told.values())} times.")
    for job in watched.jobs:
        own = [event for event in watched.events if event.cell.id == job.cell.id]
        if not (isinstance(own[0], Started) and isinstance(own[-1], Finished)):
            broken(f"what it told of {job.cell.name} does not begin with Started and end with Finished.")


@check("Run each job by `nogd.bench.perform.perform`, with the job as it comes.")
def results_are_those_of_this_process(executor: Kind) -> None:
    """Wherever a cell runs, its result is the same bit for bit, except seconds and memory."""
    watched = _usual(executor)
    for job in watched.jobs:
        if not isinstance(job.learner, Fails):
            _compare(watched.record(job), perform(job, _DEAF), job)


@check(
    "Catch what a job's process raises: its record has status 'error' and the traceback, and the others continue."
)
def a_failing_cell_costs_itself_only(executor: Kind) -> None:
    """A learner that raises must not end the comparison."""
    watched = _usual(executor)
    for job in watched.jobs:
        expected, record = "error" if isinstance(job.learner, Fails) else "budget", watched.record(job)
        if record.status != expected:
            broken(f"{job.cell.name} ended as {record.status}, not {expected}.")
        if expected == "error" and "ValueError" not in str(record.row.get("traceback")):
            broken(f"the record of {job.cell.name} has no traceback.")


@check("If `jobs` gives None, wait a little (`nogd.executors.ASK_AGAIN_SECONDS`) and ask again.")
def waits_where_no_job_can_start(executor: Kind) -> None:
    """Another process may be at work on a cell, which then comes later or not at all."""
    if not _usual(executor).asked_to_the_end:
        broken("it took None for the end of the jobs.")


@check("Take the next job only when it can start: do not make a list of all jobs at the beginning.")
def takes_a_job_when_it_can_start(executor: Kind) -> None:
    """A job that is taken is claimed, and what is claimed but not run is lost to other processes."""
    taken = _usual(executor).most_open
    if taken > WORKERS:
        broken(f"with {WORKERS} workers, it had taken {taken} jobs of which none was finished.")


@check("Call `tell` from the thread that called `run`: collect what workers say there.")
def tells_in_the_callers_thread(executor: Kind) -> None:
    """The store and the observers of plugins are called in one thread, in order."""
    watched = _usual(executor)
    if watched.places - {watched.home}:
        broken("it told of events in another process or thread.")


@check("End everything in a `finally`: workers, their children and threads.")
def nothing_is_alive_afterwards(executor: Kind) -> None:
    """After the last job, and after Ctrl-C, nothing keeps running in the background."""
    if left := _usual(executor).left:
        broken(f"{left} processes or threads are alive after the last job.")
    interrupted = Watched(executor, _jobs(Stepper()), stop_at=2)
    try:
        interrupted.run()
    except KeyboardInterrupt:
        pass
    else:
        broken("it swallowed an interrupt that came while it told of an event.")
    if interrupted.left:
        broken(f"{interrupted.left} processes or threads are alive after Ctrl-C.")


@check("Report Saved for each checkpoint of a job, and pass a job's own checkpoint on to `perform`.")
def interrupted_cells_go_on(executor: Kind) -> None:
    """An interrupted cell continues from its checkpoint and ends as if it had never been stopped."""
    watched = _usual(executor)
    job = next(job for job in watched.jobs if not isinstance(job.learner, Fails))
    saved = [
        event.state for event in watched.events if isinstance(event, Saved) and event.cell.id == job.cell.id
    ]
    if not saved:
        broken("it told of no checkpoint, though one was due at every step.")
    resumed = Watched(executor, [replace(job, checkpoint=saved[-1])]).run()
    _compare(resumed.record(job), watched.record(job), job)
    told = [event for event in resumed.events if isinstance(event, Saved)]
    if len(told) >= len(saved):
        broken("a cell that was to go on from its checkpoint began anew.")


@check("Give the class a docstring whose first line says where cells run.")
def executor_describes_itself(executor: Kind) -> None:
    """`nogd show NAME` tells what an executor does."""
    if not (executor.__doc__ or "").strip():
        broken("the class has no docstring of its own.")


_DEAF = Listener(lambda _point: None, lambda _state: None)


@lru_cache(maxsize=4)  # starting workers takes seconds, and six checks look at the same run
def _usual(executor: Kind) -> Watched:
    return Watched(executor, _jobs(Stepper(), Fails()), waits=1).run()


def _jobs(*learners: Learner) -> list[Job]:
    """Some cells of each learner."""
    experiment = make_experiment(
        None, learners=learners, tasks=(Quarters,), repetitions=2, budget={"forwards": 30}
    )
    return [
        Job(each.cell, each.learner, each.task, timeout=TIMEOUT, checkpoint_seconds=0.0)
        for each in plan(experiment)
    ]


def _compare(found: Record, expected: Record, job: Job) -> None:
    if not found.row.get("host"):
        broken(f"the record of {job.cell.name} does not say on which host it ran.")
    if found.status != expected.status:
        broken(f"{job.cell.name} ended as {found.status}, not {expected.status}: {found.row.get('reason')}")
    same = np.array_equal(_timeless(found), _timeless(expected), equal_nan=True)
    if not same or not np.array_equal(np.asarray(found.theta), np.asarray(expected.theta)):
        broken(f"the result of {job.cell.name} is another one.")


def _timeless(record: Record) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.delete(record.curve, _SECONDS, axis=1)


def _here() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def _alive() -> set[int]:
    children = {child.pid for child in psutil.Process().children(recursive=True) if child.is_running()}
    return children | {thread.ident or 0 for thread in threading.enumerate() if not thread.daemon}


CHECKS = (
    every_job_finishes_once,
    results_are_those_of_this_process,
    a_failing_cell_costs_itself_only,
    waits_where_no_job_can_start,
    takes_a_job_when_it_can_start,
    tells_in_the_callers_thread,
    nothing_is_alive_afterwards,
    interrupted_cells_go_on,
    executor_describes_itself,
)
