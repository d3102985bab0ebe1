"""What the benchmarks share: timing in turns, rows with a median and a spread, and the machine."""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from nogd.bench.environment import environment

HERE = Path(__file__).parent
REPETITIONS = 5


@dataclass(frozen=True)
class Row:
    """One figure. median, low, high: over the repetitions; goal: at most that, or at least for a ratio of speeds."""

    what: str
    median: float
    low: float
    high: float
    unit: str
    goal: str
    against: str


def row(what: str, values: Sequence[float], unit: str, goal: str = "", against: str = "") -> Row:
    """A Row of one value per repetition, in four significant digits."""
    figures = (statistics.median(values), min(values), max(values))
    return Row(what, *(float(f"{figure:.4g}") for figure in figures), unit, goal, against)


def in_turns(
    *jobs: Callable[[], object],
    calls: int,
    repetitions: int = REPETITIONS,
    device: str = "cpu",
    lead: float = 0.0,
) -> list[list[float]]:
    """Seconds of one call of each job: a list of `repetitions` figures for each, each figure the least of `calls`.

    The jobs take turns call by call, so that a busy machine slows all of them alike; the least is what it takes when
    nothing else gets in between. On a GPU a call has ended when its work has. lead: seconds for which a job is called
    before its call is timed: threads that torch used for the job before go on for milliseconds, waiting for more.
    """
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    best = [[float("inf")] * repetitions for _ in jobs]
    for repetition in range(repetitions):
        for _ in range(calls):
            for figures, job in zip(best, jobs, strict=True):
                _repeat(job, lead)
                wait()
                started = time.perf_counter()
                job()
                wait()
                figures[repetition] = min(figures[repetition], time.perf_counter() - started)
    return best


def _repeat(job: Callable[[], object], seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        job()


def minus(these: Sequence[float], those: Sequence[float], scale: float = 1.0) -> list[float]:
    """The differences, repetition by repetition."""
    return [(a - b) * scale for a, b in zip(these, those, strict=True)]


def each_of(seconds: list[float], count: int) -> list[float]:
    """Of one of so many."""
    return [each / count for each in seconds]


def ratios_of(these: list[float], those: list[float]) -> list[float]:
    """The ratios, repetition by repetition."""
    return [a / b for a, b in zip(these, those, strict=True)]


def memory_in_mb(field: str) -> float:
    """A field of /proc/self/status, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) * 1_024 / 1e6 for line in lines if line.startswith(f"{field}:"))


def write(name: str, rows: Sequence[Row], device: str = "cpu") -> None:
    """Write the rows with the machine beside each as NAME.csv in this folder (NAME-cuda.csv), and print them."""
    facts = environment()
    machine = {
        "cpu": facts["cpu"],
        "cores": facts["cores"],
        "python": facts["python"],
        "torch": torch.__version__,
    }
    if device == "cuda":
        name, machine["gpu"] = f"{name}-cuda", torch.cuda.get_device_name()
    with (HERE / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*asdict(rows[0]), *machine])
        writer.writeheader()
        writer.writerows(asdict(each) | machine for each in rows)
    for each in rows:
        spread = f"{each.median:10.4g} ({each.low:.4g} to {each.high:.4g}) {each.unit}"
        print(f"{each.what:58} {spread:40} {each.goal:14} {each.against}")
