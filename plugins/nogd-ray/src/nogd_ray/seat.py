"""The harness's end of one place: the job that it has, and what is heard of it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, final

import ray
from ray import ObjectRef
from ray.actor import ActorHandle
from ray.exceptions import RayError, RuntimeEnvSetupError

from nogd.errors import ProcessError, first_line
from nogd.executors import LONGEST, READY, TRIED_AGAIN, Event, Finished, RemoteCell, cell_of
from nogd_ray.attempt import Attempt
from nogd_ray.cluster import Wanted, start_place
from nogd_ray.hub import Hub, shard_at

_HEARING_SECONDS = 10.0  # until a place answers that there is nothing new
_GRACE = 120.0  # seconds past a cell's limit, which is kept where it runs, until nothing is expected any more


class Lost(Exception):
    """Nothing more will come from a place, in a clause that says why."""


@final
class Seat:
    """A place, from here. It can take a job once it is ready, and one at a time.

    :param wanted: what it needs.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._actor = start_place(wanted)
        self._memory = self._actor.memory.remote(wanted.cpus, wanted.gpus)
        self._unread = bytearray()
        self._job: tuple[Attempt, RemoteCell] | None = None
        self._until = self._share = math.inf  # the share in GiB
        self.is_ready = False
        self._listen()

    @property
    def is_free(self) -> bool:
        """Whether a job can begin here."""
        return self.is_ready and self._job is None

    @property
    def attempt(self) -> Attempt | None:
        """What runs here."""
        return self._job and self._job[0]

    @property
    def news(self) -> ObjectRef[bytes | str]:
        """What to wait for."""
        return self._news

    def begin(self, attempt: Attempt, hub: ActorHandle[Hub] | None = None, number: int = 0) -> None:
        """Send a job, or its shard of that number. Raises Lost, or whatever prevents it from being written down."""
        job = attempt.job
        if hub is not None:
            door: str = _answer(self._actor.open_door.remote(hub, number))
            job = attempt.part(shard_at(door, number, attempt.shards))
        memory = min(job.memory or math.inf, self._share)
        cell = RemoteCell(replace(job, memory=memory))
        self._job, self._until = (attempt, cell), time.monotonic() + job.timeout + _GRACE
        self._actor.send.remote(cell.line.encode("ascii"))

    def hear(self) -> Iterator[Event]:
        """What there is to tell now that news have come. Raises Lost."""
        said = _answer(self._news)
        if isinstance(said, str):
            raise Lost(said)
        self._listen()
        *lines, rest = (self._unread + said).split(b"\n") if b"\n" in said else [self._unread + said]
        self._unread = rest
        for line in lines:
            yield from self._told(bytes(line))
        if len(self._unread) > LONGEST:
            raise Lost(f"it sent a line of more than {LONGEST:,} characters")

    def refuse_to_wait(self) -> None:
        """Raise Lost where the job should have ended long ago."""
        if time.monotonic() > self._until:
            raise Lost("nothing more was heard of it")

    def lost(self, reason: str) -> Finished:
        """The end of the job that runs here, which nobody can do anything more for."""
        assert self._job is not None
        return self._job[1].lost("killed", reason)

    def end(self) -> ObjectRef[None]:
        """Have it end all that it runs; what to wait for."""
        ended: ObjectRef[None] = self._actor.end.remote()
        return ended

    def close(self) -> None:
        """Let ray end it at once, or not make it at all."""
        ray.kill(self._actor)

    # -- inside

    def _listen(self) -> None:
        self._news: ObjectRef[bytes | str] = self._actor.hear.remote(_HEARING_SECONDS)

    def _told(self, line: bytes) -> Iterator[Event]:
        if line.startswith(READY):
            self._share, self.is_ready = _answer(self._memory), True
        if self._job is None or cell_of(line) != self._job[1].job.cell.id:
            return  # what a program said that it runs under
        attempt, cell = self._job
        event = cell.hear(line)
        if isinstance(event, Finished):
            self._job, self._until = None, math.inf
        if cell.job.shard is not None and cell.job.shard.number:
            event = event if isinstance(event, Finished) and event.record.status in TRIED_AGAIN else None
        if event is not None and not attempt.is_over and (new := attempt.passed_on(event)) is not None:
            yield new


def _answer(asked: ObjectRef[Any]) -> Any:
    """What a place answers. Raises Lost, or ProcessError where no place like it can ever be made."""
    try:
        return ray.get(asked)
    except RuntimeEnvSetupError as error:
        reason = first_line(error)
        raise ProcessError(f"ray cannot make the environment that cells are to run in: {reason}") from None
    except RayError as error:
        raise Lost(f"ray lost it: {_in_words(error)}") from None


def _in_words(error: RayError) -> str:
    """Its first line, and its last one where that is an exception's own."""
    first, *more = [line.strip() for line in str(error).splitlines() if line.strip()] or [
        type(error).__name__
    ]
    raised = bool(more) and "Error: " in more[-1]
    return f"{first} {more[-1]}" if raised else first
