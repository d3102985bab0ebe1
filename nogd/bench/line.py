"""Both ends of the line between the harness and a worker."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import socket
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, final

from nogd.bench.wire import HEADER, packed, room_for, unpacked

# What one reading takes at most, so that no worker keeps the harness from the others.
_PIECE = 2**20
# Far from the lowest free numbers, which are what a program closes or writes to by mistake.
_HIGH = 1_000
_LENGTH = 8  # bytes of the number before what the harness sends


class Ended(Exception):
    """The other end is closed."""


class Outbox:
    """What is still to be sent, in order, without copies: a checkpoint may be large."""

    def __init__(self) -> None:
        self._waiting: deque[memoryview] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, pieces: Iterable[bytes]) -> None:
        self._waiting.extend(memoryview(piece) for piece in pieces if piece)

    def empty_into(self, end: socket.socket) -> None:
        """Send all. Raises BlockingIOError where that would mean to wait: a wait that a signal ends loses count."""
        while self._waiting:
            sent = end.send(self._waiting[0], socket.MSG_DONTWAIT)
            self._waiting[0] = self._waiting[0][sent:]
            if not self._waiting[0]:
                self._waiting.popleft()


@final
class HarnessEnd:
    """The harness's end: nothing that a worker does or leaves undone makes it wait."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._unsent, self._unread = Outbox(), bytearray()

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether something is left to send, so that it is worth asking when there is room."""
        return bool(self._unsent)

    @property
    def has_news(self) -> bool:
        """Whether something has come that was not read yet, be it the end."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return False
        return True

    def post(self, payload: bytes) -> None:
        """Send this by and by, first as much as goes at once."""
        self._unsent.add([len(payload).to_bytes(_LENGTH), payload])
        self.push()

    def push(self) -> None:
        """Send what there is room for; a worker that has died is found by reading from it."""
        with suppress(OSError):
            self._unsent.empty_into(self._socket)

    def messages(self) -> Iterator[Any]:
        """The messages that have come whole by now. Raises Unusable for what is none, Ended after the last one."""
        try:
            piece = self._socket.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        self._unread += piece
        while len(self._unread) >= HEADER.size:
            header = bytes(self._unread[: HEADER.size])
            end = HEADER.size + room_for(header)
            if len(self._unread) < end:
                break
            body = self._unread[HEADER.size : end]
            del self._unread[:end]
            yield unpacked(header, body)
        if not piece:
            raise Ended

    def close(self) -> None:
        """Give the line back."""
        self._socket.close()


@final
class WorkerEnd:
    """The worker's end: one thread at a time sends, this process alone, and each message whole.

    Its descriptor is a high one, and closed in programs that a learner starts.
    """

    def __init__(self, descriptor: int) -> None:
        lowest, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        high = _HIGH if lowest == resource.RLIM_INFINITY else min(_HIGH, lowest * 3 // 4)
        self._socket = socket.socket(fileno=fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, high))
        os.close(descriptor)
        self._owner, self._lock = os.getpid(), threading.RLock()
        self._unsent = Outbox()
        self._room = select.poll()
        self._room.register(self._socket, select.POLLOUT)

    def receive(self) -> bytes:
        """The next message of the harness's, as it came. Raises EOFError when the harness is gone."""
        return self._exactly(int.from_bytes(self._exactly(_LENGTH)))

    def send(self, value: Any) -> None:
        """Send a value of plain data. Raises TypeError or ValueError, before anything is sent, for what is not."""
        if os.getpid() != self._owner:  # a learner forked, and the child goes on with the worker's code
            os._exit(1)
        pieces = packed(value)
        with self._lock:
            # What a signal's handler interrupted is sent first: a handler of a learner's may raise anywhere.
            self._unsent.add(pieces)
            while self._unsent:
                self._room.poll()
                with suppress(BlockingIOError):
                    self._unsent.empty_into(self._socket)

    def _exactly(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            piece = self._socket.recv(min(size - len(parts), _PIECE))
            if not piece:
                raise EOFError
            parts += piece
        return bytes(parts)
