"""Threads take turns at what only one of them can use at a time."""

from __future__ import annotations

import os
import threading


class ForkSafeLock:
    """A lock to be entered again by the thread that holds it; a copy, a pickle and a forked process get a free one."""

    def __init__(self) -> None:
        self._free()

    def _free(self) -> None:
        self._lock, self._process = threading.RLock(), os.getpid()

    def __enter__(self) -> None:
        if self._process != os.getpid():  # the thread that holds it did not survive the fork
            self._free()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[type[ForkSafeLock], tuple[()]]:
        return ForkSafeLock, ()
