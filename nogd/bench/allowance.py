"""How much of this machine nogd may use: what `taskset`, a container or a scheduler leaves it of cores and memory."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

_GROUPS = Path("/sys/fs/cgroup")
_MINE = Path("/proc/self/cgroup")
_MEBIBYTE, _GIBIBYTE = 1024**2, 1024**3
# Of the memory that nogd may use, what all cells together take unless told otherwise.
_SHARE = 0.8


def cores() -> int:
    """Processor cores: those that this process may run on, and no more than its control group or Slurm grants."""
    limits = [
        float(_may_run_on()),
        *_cores_of_groups(),
        _granted("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"),
    ]
    return max(1, math.ceil(min(limits)))


def memory() -> float:
    """Bytes of memory: those of the machine, and no more than its control group or Slurm grants."""
    of_slurm = min(
        _granted("SLURM_MEM_PER_NODE") * _MEBIBYTE, _granted("SLURM_MEM_PER_CPU") * _MEBIBYTE * cores()
    )
    return min(float(psutil.virtual_memory().total), *_memory_of_groups(), of_slurm)


def memory_of_a_cell(workers: int) -> float:
    """GiB that each of so many cells at once may take."""
    return memory() * _SHARE / _GIBIBYTE / workers


def _may_run_on() -> int:
    with suppress(AttributeError):  # not Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _granted(*variables: str) -> float:
    """The first of Slurm's variables that says a number; 0 stands for all there is."""
    for variable in variables:
        with suppress(ValueError):
            return int(os.environ.get(variable, "")) or math.inf
    return math.inf


def _cores_of_groups() -> Iterator[float]:
    for folder in _folders("cpu"):
        with suppress(OSError, ValueError):  # version 2
            quota, period = (folder / "cpu.max").read_text().split()
            yield int(quota) / int(period)  # "max" is no number
        with suppress(OSError, ValueError):
            granted = int((folder / "cpu.cfs_quota_us").read_text())
            if granted > 0:  # -1 is no limit
                yield granted / int((folder / "cpu.cfs_period_us").read_text())


def _memory_of_groups() -> Iterator[float]:
    for folder in _folders("memory"):
        for name in (
            "memory.max",
            "memory.limit_in_bytes",
        ):  # version 2; version 1, where 2^63 or so is no limit
            with suppress(OSError, ValueError):
                yield float(int((folder / name).read_text()))


def _folders(controller: str) -> Iterator[Path]:
    """The folders of this process's control groups, each with all above it, whose limits hold as well."""
    try:
        lines = _MINE.read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = _GROUPS / controllers if controllers else _GROUPS  # version 2 names none
        own = root / name.strip("/")
        # Within a container the name may be one that only the host can see: then the root is the container's own.
        yield from [own, *(folder for folder in own.parents if folder.is_relative_to(root))]
