"""What ray runs on a machine: an actor with a `nogd work`, which keeps the limits of its cells as on any machine."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, final

import ray
from ray.actor import ActorHandle
from ray.exceptions import GetTimeoutError, RayError

from nogd.errors import ProcessError
from nogd.executors import Door, memory_of_a_cell
from nogd_ray.hub import PATIENCE, Hub

MOST = 2**24
"""Bytes that go over in one piece at most."""
_PIECE = 2**20
_ENDING_SECONDS = 10.0
_LAST_WORDS = 2_000  # bytes


@final
class Place:
    """Room for one cell at a time. Jobs go in as lines, and what `nogd work` says comes out as bytes.

    Its methods are called side by side: `hear` waits while `send` and `end` are called.

    :param threads: threads of each cell.
    :param command: what to run; by default this Python's `nogd work`.
    """

    def __init__(self, threads: int, command: Sequence[str] = (sys.executable, "-m", "nogd", "work")) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as this
        self._process = subprocess.Popen(
            [*command, "--jobs", "1", "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        self._door: Door | None = None

    def send(self, line: bytes) -> None:
        """Send a job. One whose process has died is found by `hear`."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def hear(self, seconds: float) -> bytes | str:
        """What has been said by now, after so long at most; once it has ended, how and with which last words."""
        assert self._process.stdout is not None
        said, source = bytearray(), self._process.stdout.fileno()
        while len(said) < MOST and select.select([source], [], [], 0 if said else seconds)[0]:
            piece = os.read(source, _PIECE)
            if not piece:
                return bytes(said) or self._how_it_ended()
            said += piece
        return bytes(said)

    def memory(self, cpus: float, gpus: float) -> float:
        """GiB that a cell may take here, where each place takes so many cores and GPUs of what ray has here."""
        here = ray.get_runtime_context().get_node_id()
        has: dict[str, float] = next(
            (node["Resources"] for node in ray.nodes() if node["NodeID"] == here), {}
        )
        shares = [has.get(kind, each) / each for kind, each in (("CPU", cpus), ("GPU", gpus)) if each]
        return memory_of_a_cell(max(1, int(min(shares, default=1))))

    def open_door(self, hub: ActorHandle[Hub], number: int) -> str:
        """Where the next job here, a shard of that number, exchanges its losses with those that share the hub."""
        if self._door is not None:
            self._door.close()

        def gather(share: bytes) -> list[bytes]:
            try:
                found: list[bytes] = ray.get(hub.gather.remote(number, share), timeout=PATIENCE)
            except GetTimeoutError:
                raise ProcessError(f"one of them gave no losses for {PATIENCE:g} s.") from None
            except RayError:  # with the machine that it was on: all go on elsewhere
                self._process.kill()
                raise
            return found

        self._door = Door(gather)
        return self._door.path

    def end(self) -> None:
        """End `nogd work`, and all that it runs."""
        if self._door is not None:
            self._door.close()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_ENDING_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - _LAST_WORDS))
        *_, last = self._log.read().decode(errors="replace").strip().splitlines() or [""]
        return f"'nogd work' ended with exit code {code}" + (f" ({last})" if last else "")
