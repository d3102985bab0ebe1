"""The harness's end of the line to the fork server, the process that workers come from."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import IO, Any

import psutil

from nogd.bench.fork_server import COMPILING, NUMBER, READY
from nogd.errors import ProcessError

# How long the fork server may take to end its workers before it is ended itself; to answer; and to import or compile.
_CLOSING_SECONDS, _ANSWERING_SECONDS, _IMPORTING_SECONDS = 5.0, 60.0, 900.0
_LOOK_SECONDS = 0.1


class ForkServer:
    """A fork server that was started: it imports by itself what workers need, while the harness does something else."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._imports = 1  # that it is still at work on, as far as it has told
        self._preloaded: set[str] = set()
        self._has_workers = self.has_begun = False
        ours, theirs = socket.socketpair()
        self._line = ours
        entries: Sequence[object] = sys.path
        path = [entry for entry in entries if isinstance(entry, str)]  # an import looks at no others
        start = f"import sys; sys.path[:] = {path!r}; from nogd.bench.fork_server import main; main({theirs.fileno()})"
        counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        with theirs, ExitStack() as undone:
            undone.enter_context(ours)
            self._process = _started(start, theirs.fileno(), os.environ | counts)
            undone.pop_all()

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked for workers."""
        return self._process.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it has said that it has imported all that it was to import."""
        return not self._imports

    def preload(self, modules: Collection[str]) -> None:
        """Have these imported, once, before the next worker is made; one that cannot be is left to the worker."""
        if wanted := set(modules) - self._preloaded:
            self._preloaded |= wanted
            names = json.dumps(sorted(wanted)).encode()
            with suppress(OSError):  # it has died, as the next question finds
                self._line.sendall(b"p" + NUMBER.pack(len(names)) + names)
                self._imports += 1

    def wait(self, compiling: Callable[[], Any], meanwhile: Callable[[], Any]) -> None:
        """Until it can be asked for workers. Raises ConnectionError.

        compiling: called where that takes longer. meanwhile: called several times a second.
        """
        until = time.monotonic() + _IMPORTING_SECONDS
        while self._imports:
            while time.monotonic() < until and not select.select([self._line], [], [], _LOOK_SECONDS)[0]:
                meanwhile()
            told = self._number()
            if told == READY:
                self._imports -= 1
                self.has_begun = True
            elif told == COMPILING:
                compiling()

    def fork(self, log: IO[bytes]) -> tuple[int, socket.socket]:
        """A new worker and the line to it. Raises OSError, after which the fork server may be dead."""
        ours, theirs = socket.socketpair()
        with theirs, ExitStack() as undone:
            undone.enter_context(ours)
            self._wake()
            socket.send_fds(self._line, [b"f"], [theirs.fileno(), log.fileno()])
            self._has_workers = True
            number = self._number()
            undone.pop_all()
        return number, ours

    def reap(self, pid: int) -> int:
        """Kill a worker with all its kin; how it ended, as from os.waitstatus_to_exitcode."""
        try:
            self._wake()
            self._line.sendall(b"r" + NUMBER.pack(pid))
            return os.waitstatus_to_exitcode(self._number())
        except OSError:  # it is dead, and its workers with it
            self.close()
            return -signal.SIGKILL

    def close(self) -> None:
        """End the fork server, and with it all that it ever started."""
        self._line.close()
        self._wake()
        if self._has_workers:  # it hears of that, and ends them
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_CLOSING_SECONDS)
        # While it imports or compiles it hears nothing; its compilers are of its group.
        if self._process.poll() is None:
            self._put_down()

    def _put_down(self) -> None:
        """End it by force, with all that came of it: workers have groups of their own."""
        with suppress(psutil.Error):
            for kin in psutil.Process(self._process.pid).children(recursive=True):
                with suppress(psutil.Error):
                    kin.kill()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _wake(self) -> None:
        """Let it go on, should a worker have stopped it."""
        self._process.send_signal(signal.SIGCONT)

    def _number(self) -> int:
        """What it answers. Raises ConnectionError, and it is dead then, if that is nothing."""
        self._line.settimeout(_ANSWERING_SECONDS)
        try:
            data = self._line.recv(NUMBER.size, socket.MSG_WAITALL)
        except TimeoutError:
            self._put_down()
            raise ConnectionError("the process that starts workers gave no answer") from None
        except OSError:  # it has died with a question unheard
            data = b""
        if len(data) < NUMBER.size:
            self._put_down()
            raise ConnectionError(
                f"the process that starts workers has died (exit code {self._process.wait()})"
            )
        return int(NUMBER.unpack(data)[0])


def _started(program: str, descriptor: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable or "", "-c", program],
            pass_fds=[descriptor],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the harness, which then closes the line
        )
    except OSError as error:
        raise ProcessError(
            f"Python, {sys.executable!r}, cannot be started for cells to run in: {error.strerror}. '--jobs 0' runs them"
            " in this process."
        ) from None
