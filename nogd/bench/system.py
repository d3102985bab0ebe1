"""The few calls of the operating system by which processes are kept together, where it has them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies (Linux), even while it holds the interpreter's lock."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def outlive_parent() -> None:
    """Take that back: whoever hears of its parent's death by itself can put things in order first."""
    _prctl(_PR_SET_PDEATHSIG, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies (Linux), so that none gets away."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, argument: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, argument, 0, 0, 0)


def kill_group(leader: int) -> None:
    """Kill a process and all that stayed in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def has_children() -> bool:
    """Whether this process has children that are still alive."""
    return bool(_children(os.getpid()))


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, 0 if it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def takes_more(pid: int, most: float) -> bool:
    """Whether a process with all its descendants takes more bytes of memory than that."""
    own, kin = resident_bytes(pid), _descendants(pid)
    if own + sum(map(resident_bytes, kin)) <= most:
        return False
    # A forked child seems to have what it only shares with its parent: looked at closely where that decides.
    return own + sum(map(_share_of_memory, kin)) > most


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        found += _children(parent)
    return found[1:]


def _children(pid: int) -> list[int]:
    """A process's children, whichever of its threads started them."""
    try:
        texts = [(thread / "children").read_text() for thread in Path(f"/proc/{pid}/task").iterdir()]
        return [int(child) for text in texts for child in text.split()]
    except OSError:  # not Linux, or it has ended meanwhile
        return _children_by_search(pid)


def _children_by_search(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _share_of_memory(pid: int) -> int:
    """A process's memory, where each part that several share is divided among them (Linux; elsewhere all of it)."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return resident_bytes(pid)
