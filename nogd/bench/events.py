"""What an executor tells while cells run, and what it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from nogd.bench.cell import Cell
from nogd.bench.record import Record

if TYPE_CHECKING:
    from nogd.bench.perform import Job


@dataclass(frozen=True)
class Started:
    """A cell began to run."""

    cell: Cell


@dataclass(frozen=True)
class Held:
    """A cell that has started, and with it all that come after, waits for this; for nothing any more where it is ""."""

    cell: Cell
    by: str


@dataclass(frozen=True)
class Pointed:
    """A point was added to a cell's curve."""

    cell: Cell
    point: dict[str, float]


@dataclass(frozen=True)
class Saved:
    """A cell can go on from here if it is interrupted."""

    cell: Cell
    state: bytes


@dataclass(frozen=True)
class Warned:
    """A cell's learner or task warned of something."""

    cell: Cell
    text: str


@dataclass(frozen=True)
class Finished:
    """A cell has its record, whatever became of it."""

    cell: Cell
    record: Record


# How long an executor waits where no job can start just now.
ASK_AGAIN_SECONDS = 0.2

Event = Started | Held | Pointed | Saved | Warned | Finished


class Executor(ABC):
    """A way to run cells. Made with the number of cells to run at once and the threads of each."""

    def __init__(self, workers: int, threads: int) -> None:
        self.workers, self.threads = workers, threads

    def __enter__(self) -> Self:
        """Whoever calls `run` several times does so in a `with` statement: something may be kept between the calls."""
        return self

    def __exit__(self, *_: object) -> None:  # noqa: B027  # most keep nothing
        """Let go of what was kept."""

    @abstractmethod
    def run(self, jobs: Iterator[Job | None], tell: Callable[[Event], None]) -> None:
        """Run all jobs, taking one only when it can start, and tell in this process what happens, in order.

        None instead of a job means that none can start just now: ask again a little later.
        Every job ends with Finished, whatever it does. Nothing of a job is alive when this returns or raises.
        """
