"""What `nogd work` does: jobs come as lines, an executor runs them, and what happens goes back as lines."""

from __future__ import annotations

import math
import os
import select
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, final

from nogd.bench.allowance import memory_of_a_cell
from nogd.bench.cell_messages import Told, failure
from nogd.bench.code import CodeReader
from nogd.bench.events import Event, Executor, Finished, Held, Pointed, Saved, Started, Warned
from nogd.bench.intake import sent
from nogd.bench.json_line import LONGEST, line_of, value_of
from nogd.bench.perform import Job
from nogd.bench.plugin_files import unpacked_plugins
from nogd.bench.recipe import job_of, refuse_other_code
from nogd.bench.wire import Unusable
from nogd.errors import InvalidSetting
from nogd.plugins.manager import configure, plugins
from nogd.version import __version__

_PIECE = 2**20


def work(descriptor: int, out: IO[bytes], executor: Executor, folder: Path) -> None:
    """Run the jobs whose recipes come as lines until there are no more.

    descriptor: the file to read; folder: for files of plugins that come with jobs.
    """
    server = _JobServer(_Inbox(descriptor), out, executor.workers, folder)
    server.say(None, "ready", {"nogd": __version__, "host": socket.gethostname()})
    executor.run(server.jobs(), server.tell)


@final
class _Inbox:
    """Lines of a file, as they come."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unread, self._is_over = bytearray(), False
        self._seen = 0  # how much of what is unread holds no end of a line

    def next(self, *, wait: bool) -> bytes | None:
        """The next line, b"" at the end; None where none has come yet, and it is not to be waited for."""
        while (end := self._unread.find(b"\n", self._seen)) < 0:
            self._seen = len(self._unread)
            if self._is_over or self._seen > LONGEST:
                end = self._seen
                break
            if not wait and not select.select([self._descriptor], [], [], 0)[0]:
                return None
            piece = os.read(self._descriptor, _PIECE)
            self._is_over = not piece
            self._unread += piece
        line = bytes(self._unread[: end + 1])
        del self._unread[: end + 1]
        self._seen = 0
        return line


@final
class _JobServer:
    """Takes jobs in and passes on what happens to them."""

    def __init__(self, inbox: _Inbox, out: IO[bytes], workers: int, folder: Path) -> None:
        self._inbox, self._out, self._folder = inbox, out, folder
        self._memory = memory_of_a_cell(workers)
        self._running = 0
        self._reader = CodeReader()

    def jobs(self) -> Iterator[Job | None]:
        """Jobs as they come; None where one runs and no other has come yet."""
        while True:
            line = self._inbox.next(wait=not self._running)
            if line is None:
                yield None
            elif not line:
                return
            elif (job := self._job(line)) is not None:
                yield job

    def tell(self, event: Event) -> None:
        """Pass on an event."""
        id_ = event.cell.id
        match event:
            case Started():
                self._running += 1
                self.say(id_, Told.STARTED, None)
            case Held(_, by):
                self.say(id_, Told.HELD, by)
            case Pointed(_, point):
                self.say(id_, Told.POINT, point)
            case Saved(_, state):
                self.say(id_, Told.CHECKPOINT, state)
            case Warned(_, text):
                self.say(id_, Told.WARNING, text)
            case Finished(_, record):
                self._running -= 1
                try:
                    self.say(id_, Told.RECORD, sent(record))
                except (TypeError, ValueError) as error:
                    self._say_failed(id_, error)

    def say(self, id_: str | None, event: str, value: Any) -> None:
        """Write a line. Raises TypeError or ValueError, before anything is written, for what is no plain data."""
        self._out.write(line_of({"id": id_, "event": event, "value": value}).encode("ascii"))
        self._out.flush()

    def _job(self, line: bytes) -> Job | None:
        """The job of a line; None, which is told, where there is something wrong with it."""
        id_ = None
        try:
            recipe = value_of(line)
            if not isinstance(recipe, Mapping):
                raise Unusable("it is no recipe of a job")
            id_ = str(recipe.get("id"))
            return self._made(recipe)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # reading it imports code of plugins
            self._say_failed(id_, error)
            return None

    def _made(self, recipe: Mapping[str, Any]) -> Job:
        settings = unpacked_plugins(recipe["plugins"], self._folder)
        if settings != plugins().settings:
            configure(settings)
            self._reader = CodeReader()
        job = job_of(recipe)
        if job.cell.id != recipe["id"]:
            raise InvalidSetting(f"its cell is {job.cell.id!r}, not {recipe['id']!r:.40} as it says.")
        refuse_other_code(job, recipe, self._reader)
        return replace(job, memory=min(job.memory or math.inf, self._memory))

    def _say_failed(self, id_: str | None, error: BaseException) -> None:
        self.say(id_, Told.FAILED, failure(error))
