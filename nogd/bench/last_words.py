"""What is known of a worker that is dead: its log, and how it ended."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import IO

_LOG_TAIL = 16_000


def end_of(log: IO[bytes]) -> str:
    """The end of a log, without the endless list that Python's fault handler closes with."""
    log.seek(0, os.SEEK_END)
    log.seek(max(0, log.tell() - _LOG_TAIL))
    lines = log.read().decode(errors="replace").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("Extension modules: "))


def cause_of(code: int) -> str:
    """How a worker ended, in words."""
    if code < 0:
        with suppress(ValueError):
            name = signal.Signals(-code).name
            hint = "; the system may be out of memory" if name == "SIGKILL" else ""
            return f"its process was ended by {name}{hint}"
    return f"its process ended by itself, with exit code {code}"
