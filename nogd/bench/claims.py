"""Who is at work on a cell."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

import psutil

Claim = tuple[str, int, float, float]
"""Host, number of the process, when that was born (see `born_at`), and until when the claim holds, since 1970."""


def mine(seconds: float) -> Claim:
    """A claim of this process."""
    return socket.gethostname(), os.getpid(), born_at(os.getpid()), time.time() + seconds


def is_alive(host: str, pid: int, born: float, until: float) -> bool:
    """Whether the process that made a claim is still at work; a process number may have been given out again."""
    if host != socket.gethostname():
        return time.time() < until
    try:
        # One that has ended keeps its number until its parent asks how, which in many a container is never.
        at_work = pid != os.getpid() and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        return at_work and abs(born_at(pid) - born) < 0.01
    except psutil.Error:
        return False


def born_at(pid: int) -> float:
    """Seconds from the machine's start to a process's (Linux), which stay as they are when its clock is set.

    Elsewhere since 1970.
    """
    with suppress(OSError):
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(words[19]) / os.sysconf("SC_CLK_TCK")
    return float(psutil.Process(pid).create_time())
