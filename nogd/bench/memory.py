"""This process's peak memory, counted anew for each run where the system can do that."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Count the peak from now on (Linux; elsewhere the peak is that of the whole process)."""
    with suppress(OSError):
        _CLEAR.write_text("5")


def too_much(gibibytes: float) -> str:
    """The reason of a run that ended for taking more memory than that."""
    return f"used more than {gibibytes:.3g} GiB of memory"


def peak_megabytes() -> float:
    """Largest resident memory since the last reset, in MiB."""
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    units = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * units / 1024**2
