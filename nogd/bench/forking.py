"""The harness's end of the line to the nursery, the process that workers come from."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import IO, Any

from nogd.bench.nursery import COMPILING, NUMBER, READY

# How long the nursery may take to end its workers before it is ended itself.
_CLOSING_SECONDS = 5.0


class Nursery:
    """A nursery that was started: it imports by itself what workers need, while the harness does something else."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._imports = 1  # that it is still at work on, as far as it has told
        self._preloaded: set[str] = set()
        self._has_workers = False
        ours, theirs = socket.socketpair()
        self._line = ours
        path = [os.fspath(folder) for folder in sys.path]
        start = f"import sys; sys.path[:] = {path!r}; from nogd.bench.nursery import main; main({theirs.fileno()})"
        counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        self._process = subprocess.Popen(
            [sys.executable, "-c", start],
            pass_fds=[theirs.fileno()],
            env=os.environ | counts,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the harness, which then closes the line
        )
        theirs.close()

    def __enter__(self) -> Nursery:
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

    def wait(self, compiling: Callable[[], Any]) -> None:
        """Until it can be asked for workers; compiling: called where that takes longer. Raises ConnectionError."""
        while self._imports:
            told = self._number()
            if told == READY:
                self._imports -= 1
            elif told == COMPILING:
                compiling()

    def fork(self, log: IO[bytes]) -> tuple[int, socket.socket]:
        """A new worker and the line to it."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._line, [b"f"], [theirs.fileno(), log.fileno()])
        self._has_workers = True
        return self._number(), ours

    def reap(self, pid: int) -> int:
        """Kill a worker with all its kin; how it ended, as from os.waitstatus_to_exitcode."""
        try:
            self._line.sendall(b"r" + NUMBER.pack(pid))
            return os.waitstatus_to_exitcode(self._number())
        except OSError:  # somebody has killed the nursery, and with it its workers
            self.close()
            return -signal.SIGKILL

    def close(self) -> None:
        """End the nursery, and with it all that it ever started."""
        self._line.close()
        if self._has_workers:  # it hears of that, and ends them
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_CLOSING_SECONDS)
        # While it imports or compiles it hears nothing; its compilers are of its group.
        if self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _number(self) -> int:
        data = self._line.recv(NUMBER.size, socket.MSG_WAITALL)
        if len(data) < NUMBER.size:
            raise ConnectionError(
                f"the process that starts workers has died (exit code {self._process.wait()})."
            )
        return int(NUMBER.unpack(data)[0])
