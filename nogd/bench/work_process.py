"""A process that runs `nogd work`, and the line to it: jobs go out and events come back, each in a line of JSON."""

from __future__ import annotations

import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import final

from nogd.bench.events import Event, Finished, Started
from nogd.bench.json_line import LONGEST
from nogd.bench.line import Ended, Outbox
from nogd.bench.perform import Job
from nogd.bench.remote import RemoteCell, cell_of, unsent
from nogd.bench.system import kill_group
from nogd.bench.wire import Unusable
from nogd.errors import ProcessError

READY = b'{"id": null, "event": "ready"'
"""How the first line of `nogd work` begins."""
_PIECE = 2**20
_GRACE = 120.0  # seconds past a cell's limit, which is kept where it runs, until nothing is expected any more
_ENDING_SECONDS = 15.0


@final
class WorkProcess:
    """Runs so many cells at once where its command leads. Started when it is first needed, and again after it died."""

    def __init__(self, command: Sequence[str], places: int) -> None:
        self._command, self._places = list(command), places
        self._cells: dict[str, tuple[RemoteCell, float]] = {}  # by id, with when they must have ended
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False

    @property
    def line(self) -> socket.socket | None:
        """What to wait for; None where nothing runs."""
        return self._line if self._cells else None

    @property
    def has_unsent(self) -> bool:
        """Whether something is left to send."""
        return bool(self._unsent)

    @property
    def room(self) -> int:
        """How many more cells can begin."""
        return self._places - len(self._cells)

    def begin(self, job: Job, tell: Callable[[Event], None]) -> None:
        """Send a job. Raises ProcessError where the command cannot be started."""
        tell(Started(job.cell))
        try:
            cell = RemoteCell(job)
        except Exception as error:  # whatever pickling a learner or task of somebody may raise
            tell(unsent(job, error))
            return
        if self._process is None:
            self._start()
        self._cells[job.cell.id] = cell, time.monotonic() + job.timeout + _GRACE
        self._unsent.add([cell.line.encode("ascii")])
        self._push()

    def attend(self, tell: Callable[[Event], None]) -> None:
        """Tell what has come, and end a process that has died, or from which nothing comes any more."""
        if self._process is None:
            return
        self._push()
        try:
            for line in self._lines():
                self._hear(line, tell)
            if any(time.monotonic() > until for _, until in self._cells.values()):
                raise Unusable("nothing more is heard of it")
        except Ended:
            self._lose("killed", f"{self._shown} ended with exit code {self._end()}", tell)
        except Unusable as error:
            self._end()
            self._lose("error", f"what {self._shown} told cannot be used: {error}", tell)

    def finish(self) -> None:
        """Let it end by itself: no more jobs come."""
        if self._process is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_WR)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_ENDING_SECONDS)
        self.close()

    def close(self) -> None:
        """End it now, and all that it runs."""
        if self._process is not None:
            self._end()

    # -- inside

    @property
    def _shown(self) -> str:
        return repr(shlex.join(self._command))

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                # Ctrl-C is for the harness, which then ends it.
                self._process = subprocess.Popen(
                    self._command, stdin=theirs.fileno(), stdout=theirs.fileno(), start_new_session=True
                )
            except OSError as error:
                ours.close()
                raise ProcessError(f"{self._shown} cannot be started: {error.strerror}.") from None
        ours.setblocking(False)
        self._line, self._unsent, self._unread, self._is_ready = ours, Outbox(), bytearray(), False

    def _push(self) -> None:
        with suppress(OSError):  # no room, or it has died, as reading finds
            self._unsent.empty_into(self._line)

    def _lines(self) -> Iterator[bytes]:
        """The lines that have come whole by now. Raises Ended after the last one, Unusable for one without an end."""
        try:
            piece = self._line.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        *lines, rest = (self._unread + piece).split(b"\n") if b"\n" in piece else [self._unread + piece]
        self._unread = bytearray(rest)
        yield from (bytes(line) for line in lines)
        if not piece:
            raise Ended
        if len(self._unread) > LONGEST:
            raise Unusable(f"a line of more than {LONGEST:,} characters")

    def _hear(self, line: bytes, tell: Callable[[Event], None]) -> None:
        """Tell of a line; one of nobody, such as what a shell says when it starts, is left alone."""
        self._is_ready = self._is_ready or line.startswith(READY)
        found = self._cells.get(cell_of(line) or "")
        event = None if found is None else found[0].hear(line)
        if isinstance(event, Finished):
            del self._cells[event.cell.id]
        if event is not None:
            tell(event)

    def _lose(self, status: str, reason: str, tell: Callable[[Event], None]) -> None:
        """All cells that run there are lost; where it never got so far as to run any, none can be run at all."""
        cells, self._cells = self._cells, {}
        if not self._is_ready:
            raise ProcessError(
                f"{reason} before it could run a cell; what it said is above, and it must start 'nogd work'."
            )
        for cell, _ in cells.values():
            tell(cell.lost(status, reason))

    def _end(self) -> int:
        assert self._process is not None
        process, self._process = self._process, None
        self._line.close()
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING_SECONDS)
        kill_group(process.pid)
        return process.wait()
