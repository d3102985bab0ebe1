"""One run on several machines, from the bench's side: which shard a job is, and the door through which it exchanges.

An executor gives each of the jobs of one run a `Shard`, and opens a `Door` on the machine where that job runs; what
comes through it is to be passed on to all others, by whatever means the executor has.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any, final

from nogd.bench.wire import HEADER, Unusable, packed, unpacked
from nogd.errors import ProcessError, in_words

_FAMILY = "AF_UNIX"


@dataclass(frozen=True)
class Shard:
    """Which part of a run a job is. All jobs of a run are alike but for the number and the door.

    :param number: from 0 on; the run's record is that of shard 0.
    :param count: how many shards there are.
    :param door: the path of the door, on the machine where the job runs.
    :param patience: seconds to wait for the slowest of the others in one exchange.
    """

    number: int
    count: int
    door: str
    patience: float = 600.0


@final
class Door:
    """Where one job hands in its shares: a socket in a folder that only this user can enter.

    :param gather: called in a thread with each share; gives those of all shards, in the order of their numbers. What it
        raises ends the job.
    :ivar path: for the job's `Shard`.
    """

    def __init__(self, gather: Callable[[bytes], Sequence[bytes]]) -> None:
        self._gather = gather
        self._folder = Path(tempfile.mkdtemp(prefix="nogd-"))  # its path is short, as a socket's must be
        self.path = str(self._folder / "door")
        self._listener = Listener(self.path, _FAMILY)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        with suppress(OSError, EOFError):  # it was closed, or the job has ended
            while True:
                with self._listener.accept() as line:
                    self._attend(line)

    def _attend(self, line: Connection[Any, Any]) -> None:
        with suppress(EOFError):
            while True:
                line.send_bytes(b"".join(packed(self._answer(line.recv_bytes()))))

    def _answer(self, share: bytes) -> list[bytes] | str:
        try:
            return list(self._gather(share))
        except Exception as error:  # whatever the executor's means may raise
            return in_words(error)


@final
class ThroughDoor:
    """The exchange of a job that is a shard. Raises ProcessError where nobody opens.

    :param shard: which.
    """

    def __init__(self, shard: Shard) -> None:
        self.number, self.count, self._patience = shard.number, shard.count, shard.patience
        try:
            self._line = Client(shard.door, _FAMILY)
        except OSError as error:
            raise ProcessError(f"the other shards of this run cannot be reached: {error}.") from None

    def close(self) -> None:
        """Leave the others."""
        self._line.close()

    def gather(self, share: bytes) -> Sequence[bytes]:
        """Hand this share in and wait for all others. Raises ProcessError where that cannot be."""
        try:
            self._line.send_bytes(share)
            if not self._line.poll(self._patience):
                raise ProcessError(f"no answer from the other shards of this run in {self._patience:g} s.")
            answer = self._line.recv_bytes()
            told = unpacked(answer[: HEADER.size], memoryview(answer)[HEADER.size :])
        except (OSError, EOFError, Unusable) as error:
            raise ProcessError(f"the other shards of this run were lost: {in_words(error)}.") from None
        if isinstance(told, str):
            raise ProcessError(f"the shards of this run have not found together: {told}")
        return list(told)
