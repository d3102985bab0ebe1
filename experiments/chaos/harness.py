"""The harness that is hit: a driver forked from this process, with a clock that jumps, and what it left."""

from __future__ import annotations

import mmap
import os
import sqlite3
import struct
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from traceback import print_exc
from typing import Any

import psutil
from bench_help import MARK, deeds, marked

from nogd.bench import run as running
from nogd.bench.database import FILE
from nogd.bench.experiment import make_experiment
from nogd.bench.progress import Silent
from nogd.errors import UserError

LEARNERS = ("steady", "steady,sigma=0.3", "adam", "raises", "vanishes")
REPETITIONS = 3
TIMEOUT = 30.0
REFUSED, BUG = 2, 70
"""What a driver ends with: a sentence for users, a traceback."""


class Clock:
    """Seconds by which the drivers' clock is wrong; memory that they share with this process."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8)

    @property
    def offset(self) -> float:
        """Seconds ahead of the real clock."""
        return float(struct.unpack("d", self._shared[:8])[0])

    @offset.setter
    def offset(self, seconds: float) -> None:
        self._shared[:8] = struct.pack("d", seconds)

    def install(self) -> None:
        """Have all that the harness asks for the time in this process told the wrong one."""
        right, clock = time.time, self
        time.time = lambda: right() + clock.offset

        class Wrong(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Wrong:
                return cls.fromtimestamp(time.time(), tz)

        running.datetime = Wrong  # type: ignore[misc]  # in this forked process alone


@dataclass
class Driver:
    """A process that runs the experiment; `code` is how it ended."""

    pid: int
    log: Path
    code: int | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        if self.code is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if ended else None
        return self.code is None

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        until = time.monotonic() + seconds
        while self.is_alive and time.monotonic() < until:
            time.sleep(0.01)
        return not self.is_alive

    @property
    def fork_server(self) -> psutil.Process | None:
        """The process that its workers come from."""
        return next(iter(_children(self.pid)), None)

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes in which cells run."""
        return [] if (server := self.fork_server) is None else _children(server.pid)


@dataclass
class Harness:
    """A folder, and the drivers that work on it. mark: by which all processes of theirs are found again."""

    folder: Path
    logs: Path
    mark: str
    clock: Clock = field(default_factory=Clock)
    drivers: list[Driver] = field(default_factory=list)

    def start(self) -> Driver:
        """One driver more."""
        log = self.logs / f"{self.mark}-{len(self.drivers)}.log"
        driver = Driver(_forked(self.folder, log, self.mark, self.clock), log)
        self.drivers.append(driver)
        return driver

    def alive(self) -> list[Driver]:
        """The drivers that have not ended."""
        return [driver for driver in self.drivers if driver.is_alive]

    def kept(self) -> dict[str, Any]:
        """All runs, by id: what must be equal whenever they are made."""
        is_made = _count(self.folder, "select count(*) from sqlite_master where name = 'runs'")
        return deeds(self.folder) if is_made else {}

    def processes(self) -> list[psutil.Process]:
        """All of theirs that are alive."""
        return marked(MARK, self.mark)


def finished_since(folder: Path, session: int) -> int:
    """How many runs the calls after that one have kept so far."""
    return _count(folder, f"select count(*) from runs where session > {session}")


def last_session(folder: Path) -> int:
    """The number of the last call."""
    return _count(folder, "select coalesce(max(id), 0) from sessions")


def integrity(folder: Path) -> str:
    """What SQLite itself says of the file: "ok"."""
    with closing(sqlite3.connect(folder / FILE, timeout=30)) as connection:
        return str(connection.execute("pragma integrity_check").fetchone()[0])


def _count(folder: Path, query: str) -> int:
    if not (folder / FILE).is_file():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True, timeout=30)) as connection:
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.Error:  # it is being made, or it is not there any more
        return 0


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children()
    except psutil.Error:
        return []


def _forked(folder: Path, log: Path, mark: str, clock: Clock) -> int:
    if pid := os.fork():
        return pid
    code = BUG
    try:
        os.environ[MARK] = mark
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for descriptor in (1, 2):
            os.dup2(said, descriptor)
        clock.install()
        code = _run(folder)
    except BaseException:  # the child must never return into the chaos
        print_exc()
    finally:
        os._exit(code)


def _run(folder: Path) -> int:
    asked = {"learners": LEARNERS, "tasks": ["iris"], "repetitions": REPETITIONS, "budget": 60}
    try:
        summary = running.execute(
            make_experiment(asked | {"timeout": TIMEOUT}),
            folder,
            jobs=2,
            fresh=False,
            progress=Silent(),
            checkpoint_seconds=0.05,
        )
    except UserError as error:
        os.write(2, f"Error: {error}\n".encode())
        return REFUSED
    return int(summary.failed > 0)
