"""Run cells in worker processes on this machine; a cell that hangs, crashes or eats the memory costs itself only."""

from __future__ import annotations

import selectors
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from traceback import format_exception
from typing import IO, Any, ClassVar, Self, final

from pydantic import PrivateAttr

from nogd.bench.cell_messages import CellMessages, Told
from nogd.bench.events import (
    ASK_AGAIN_SECONDS,
    Event,
    Executor,
    Finished,
    Started,
)
from nogd.bench.fork_servers import ForkServers
from nogd.bench.forking import ForkServer
from nogd.bench.job_loop import run_all
from nogd.bench.last_words import cause_of, end_of
from nogd.bench.line import Ended, HarnessEnd
from nogd.bench.memory import too_much
from nogd.bench.perform import Job
from nogd.bench.recipe import recipe_here, settings_told
from nogd.bench.record import lost_record
from nogd.bench.system import kill_group, resident_bytes, takes_more
from nogd.bench.wire import Unusable, packed
from nogd.plugins.manager import plugins

# How often the memory of workers is looked at; reading it takes 0.1 ms.
_WATCH_SECONDS = 0.1
_FORKS = 3  # tries to get a worker, while somebody kills where they come from


@final
class LocalExecutor(Executor):
    """Workers forked from a fork server, each used again only for the learner that it has served.

    In a `with` statement the fork server is kept from one `run` to the next.
    """

    name: ClassVar[str] = "local"
    _fork_servers: ForkServers = PrivateAttr()
    _are_kept: bool = PrivateAttr(default=False)

    def model_post_init(self, _context: Any) -> None:
        self._fork_servers = ForkServers(self.threads)

    def adopt(self, fork_server: ForkServer) -> None:
        """Take workers from this one, which was started before, if they may have as many threads; else it is ended."""
        self._fork_servers.adopt(fork_server)

    def __enter__(self) -> Self:
        self._are_kept = True
        return self

    def __exit__(self, *_: object) -> None:
        self._are_kept = False
        self._fork_servers.close()

    def run(self, jobs: Iterator[Job | None], tell: Callable[[Event], None]) -> None:
        pool = _WorkerPool(self.workers, self._fork_servers, tell)
        try:
            run_all(pool, jobs)
        except BaseException:  # Ctrl-C: all at once
            self._fork_servers.close()
            raise
        finally:
            pool.close()
            if not self._are_kept:
                self._fork_servers.close()


class _WorkerPool:
    """All places where workers run."""

    def __init__(self, workers: int, fork_servers: ForkServers, tell: Callable[[Event], None]) -> None:
        self._slots = [_Slot() for _ in range(workers)]
        self._fork_servers, self._tell = fork_servers, tell

    @property
    def busy(self) -> list[_Slot]:
        """The places where a job runs."""
        return [slot for slot in self._slots if slot.job is not None]

    @property
    def are_busy(self) -> bool:
        return bool(self.busy)

    @property
    def have_room(self) -> bool:
        return len(self.busy) < len(self._slots)

    def begin(self, job: Job) -> None:
        """Begin a job, where its learner was served before if that place is free."""
        free = [slot for slot in self._slots if slot.job is None]
        served = repr(job.cell.learner)
        slot = next((slot for slot in free if slot.served == served), free[0])
        slot.vacate(served)
        self._tell(Started(job.cell))
        for left in reversed(range(_FORKS)):
            fork_server = self._fork_servers.one_for(job, self._tell, self._watch)
            try:
                slot.begin(job, served, fork_server, self._tell)
                return
            except (
                OSError
            ) as error:  # somebody has killed the fork server meanwhile, which is not this cell's fault
                if not left:
                    reason = f"it got no process: {error}"
                    self._tell(Finished(job.cell, lost_record(job.cell, "killed", reason, "", [])))

    def _watch(self) -> None:
        """Guard all workers while a fork server starts, which nobody can be asked to reap them by."""
        for slot in self.busy:
            slot.watch()

    def attend(self) -> None:
        """Wait a little for what workers have to say, and guard them all."""
        busy = self.busy
        if not busy:
            time.sleep(ASK_AGAIN_SECONDS)
            return
        _wait_for([slot.channel for slot in busy], _WATCH_SECONDS)
        for slot in busy:
            slot.attend(self._tell)

    def close(self) -> None:
        """End all workers."""
        for slot in self._slots:
            slot.leave()


@dataclass
class _Slot:
    """A place where one worker at a time runs one job at a time."""

    job: Job | None = None
    line: HarnessEnd | None = None
    number: int = 0  # of the job: what an earlier one left running may still talk
    fork_server: ForkServer | None = None
    pid: int = 0
    served: str = ""
    deadline: float = 0.0
    look_at: float = 0.0  # when its memory is looked at next
    messages: CellMessages | None = None  # of the job
    log: IO[bytes] | None = None
    last_words: str = ""  # of the worker that was here last
    verdict: tuple[str, str] | None = None  # status and reason of one that was ended and not told of yet

    @property
    def channel(self) -> HarnessEnd:
        """The line to the worker that is here."""
        assert self.line is not None
        return self.line

    def vacate(self, served: str) -> None:
        """End the worker that is here if it has served another learner."""
        if self.line is not None and self.served != served:
            self._retire()

    def begin(self, job: Job, served: str, fork_server: ForkServer, tell: Callable[[Event], None]) -> None:
        """Give a job to the worker that is here, to a new one where there is none; OSError if that cannot be made."""
        self.job, self.messages, self.verdict = job, CellMessages(job.cell), None
        try:
            asked = packed([self.number + 1, settings_told(plugins().settings), recipe_here(job)])
        except Exception as error:
            reason = f"it cannot be sent to a worker process: {type(error).__name__}: {error}"
            self._finish(tell, self.messages.lost("error", reason, "".join(format_exception(error))))
            return
        if self.line is not None and self.fork_server is not fork_server:
            self._retire()
        if self.line is None:
            self.log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the worker
            try:
                self.pid, end = fork_server.fork(self.log)
            except OSError:
                self.log.close()
                self.job = None
                raise
            self.line = HarnessEnd(end)
        self.served, self.fork_server = served, fork_server
        self.deadline = time.monotonic() + job.timeout
        self.number += 1
        self.line.post(b"".join(asked))

    def attend(self, tell: Callable[[Event], None]) -> None:
        """Pass on what has come, and end a worker that is dead, late, too large, or makes no sense."""
        try:
            self.channel.push()
            for message in self.channel.messages():
                self._hear(message, tell)
                if self.job is None:
                    return
            self._guard(tell)
        except Ended:
            self._lost(tell, "killed", "")
        except Unusable as error:
            self._lost(tell, "error", f"what its process told cannot be used: {error}")

    def _hear(self, message: Any, tell: Callable[[Event], None]) -> None:
        """Pass on one message. Raises Unusable for what a worker does not say."""
        assert self.messages is not None
        match message:
            case [int(number), _, _] if number != self.number:
                return
            case [_, Told.RECORD, [parts, left_children]]:
                self._finish(tell, self.messages.event(Told.RECORD, parts))
                if left_children:
                    self._retire()
            case [_, Told.FAILED as kind, value]:
                self._finish(tell, self.messages.event(kind, value))
                self._retire()
            case [_, (Told.POINT | Told.CHECKPOINT | Told.WARNING) as kind, value]:
                if (event := self.messages.event(kind, value)) is not None:
                    tell(event)
            case _:
                raise Unusable("it sent something else than nogd sends")

    def watch(self) -> None:
        """Kill a worker that is past its deadline or over its memory; `attend` tells of it later."""
        self.verdict = self.verdict or self._judged()
        if self.verdict:
            kill_group(self.pid)

    def _guard(self, tell: Callable[[Event], None]) -> None:
        """Kill a worker that is past its deadline or over its memory, and notice one that is dead."""
        if verdict := self.verdict or self._judged():
            self._lost(tell, *verdict)

    def _judged(self) -> tuple[str, str] | None:
        """The status and reason of a worker that has to end."""
        assert self.job is not None
        now = time.monotonic()
        if now > self.deadline:
            return "timeout", f"not finished after {self.job.timeout:g} s"
        if now < self.look_at:
            return None
        self.look_at = now + _WATCH_SECONDS
        memory = self.job.memory
        if memory is not None and takes_more(self.pid, memory * 1024**3):
            return "killed", too_much(memory)
        # It has died, and a process that it left behind holds its line open.
        if not resident_bytes(self.pid) and not self.channel.has_news:
            return "killed", ""
        return None

    def leave(self) -> None:
        """End the worker that is here."""
        if self.line is not None:
            self._retire()

    def close(self) -> None:
        """Let go of a worker that has ended."""
        if self.line is not None and self.log is not None:
            self.line.close()
            self.log.close()
        self.line, self.log = None, None

    def _lost(self, tell: Callable[[Event], None], status: str, reason: str) -> None:
        assert self.messages is not None
        status, reason = self.verdict or (status, reason)
        code = self._retire()
        self._finish(tell, self.messages.lost(status, reason or cause_of(code), self.last_words))

    def _finish(self, tell: Callable[[Event], None], event: Event | None) -> None:
        assert event is not None
        self.job = None
        tell(event)

    def _retire(self) -> int:
        assert self.line is not None
        assert self.log is not None
        assert self.fork_server is not None
        self.line.close()
        code = self.fork_server.reap(self.pid)
        self.last_words = end_of(self.log)
        self.close()
        return code


def _wait_for(lines: Sequence[HarnessEnd], seconds: float) -> None:
    """Until one of them has news, or room for what is to be sent to it, but so long at most."""
    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line, selectors.EVENT_READ | (selectors.EVENT_WRITE if line.has_unsent else 0))
        selector.select(seconds)
