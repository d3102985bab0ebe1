"""Who is at work on a cell."""

from __future__ import annotations

import os
import socket
import time

import psutil

Claim = tuple[str, int, float, float]
"""Host, number of the process, when that was born, and until when the claim holds; times in seconds since 1970."""


def mine(seconds: float) -> Claim:
    """A claim of this process."""
    return socket.gethostname(), os.getpid(), _born(os.getpid()), time.time() + seconds


def is_alive(host: str, pid: int, born: float, until: float) -> bool:
    """Whether the process that made a claim is still at work; a process number may have been given out again."""
    if host != socket.gethostname():
        return time.time() < until
    try:
        # One that has ended keeps its number until its parent asks how, which in many a container is never.
        at_work = pid != os.getpid() and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        return at_work and abs(_born(pid) - born) < 1
    except psutil.Error:
        return False


def _born(pid: int) -> float:
    return float(psutil.Process(pid).create_time())
