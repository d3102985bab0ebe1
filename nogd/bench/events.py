"""What an executor tells while cells run, and what it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field

from nogd.bench.cell import Cell
from nogd.bench.record import Record
from nogd.errors import InvalidSetting
from nogd.training.spelling import Named, NameOf, spelled_settings

if TYPE_CHECKING:
    from nogd.bench.perform import Job


@dataclass(frozen=True)
class Started:
    """A cell has begun to run."""

    cell: Cell


@dataclass(frozen=True)
class Held:
    """A cell that has started waits, and all later ones with it.

    :param cell: the cell.
    :param by: what it waits for; "" once it no longer waits.
    """

    cell: Cell
    by: str


@dataclass(frozen=True)
class Pointed:
    """A point was added to a cell's curve.

    :param cell: the cell.
    :param point: the row of the curve: forwards, loss, ...
    """

    cell: Cell
    point: dict[str, float]


@dataclass(frozen=True)
class Saved:
    """A checkpoint, from which a cell can go on if it is interrupted.

    :param cell: the cell.
    :param state: the checkpoint, as a later Job gets it.
    """

    cell: Cell
    state: bytes


@dataclass(frozen=True)
class Warned:
    """A cell's learner or task gave a warning.

    :param cell: the cell.
    :param text: the warning.
    """

    cell: Cell
    text: str


@dataclass(frozen=True)
class Finished:
    """A cell has ended, however it ended.

    :param cell: the cell.
    :param record: its result; `status` says how it ended.
    """

    cell: Cell
    record: Record


# How long an executor waits where no job can start just now.
ASK_AGAIN_SECONDS = 0.2

Event = Started | Held | Pointed | Saved | Warned | Finished


OF_THE_HARNESS = frozenset({"workers", "threads"})
"""Fields of every executor that `--jobs` and `--threads` fill in, never a user behind its name."""
# Words of the doors, and what an executor does.
_RESERVED = frozenset({"jobs", "name", "run", "use"})


class Executor(Named, ABC):
    """A way to run cells. Its fields are its settings, validated and never changed, like a learner's hyper-parameters.

    What changes while it runs is kept in private attributes (pydantic's) or inside `run`.

    :cvar name: what users write, as in `nogd run --executor name,setting=value`.
    :cvar is_here: whether cells run on this machine. Where they do not, its memory and devices say nothing about them.
    :param workers: number of cells to run in parallel; set by nogd, from `--jobs`.
    :param threads: threads of each cell; set by nogd, from `--threads`.
    """

    is_here: ClassVar[bool] = True
    workers: int = Field(1, ge=1, description="cells to run at once")
    threads: int = Field(1, ge=1, description="threads of each cell")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if taken := sorted(_RESERVED & cls.model_fields.keys()):
            raise InvalidSetting(
                f"{cls.__qualname__} calls a setting {taken[0]!r}, a word that nogd itself uses; rename it."
            )

    def spelled(self, name_of: NameOf) -> str:
        """The text that stands for this one, without what nogd fills in: "ray,address=auto"."""
        return name_of(type(self)) + spelled_settings(self, OF_THE_HARNESS)

    def __enter__(self) -> Self:
        """Whoever calls `run` several times does so in a `with` statement: something may be kept between the calls."""
        return self

    def __exit__(self, *_: object) -> None:  # most keep nothing
        """Let go of what was kept."""

    @abstractmethod
    def run(self, jobs: Iterator[Job | None], tell: Callable[[Event], None]) -> None:
        """Run all jobs, and report in this process what happens, in order.

        Every job ends with Finished, whatever it does. Nothing of a job may be alive when this returns or raises.

        :param jobs: take the next one only when it can start. None in place of a job means that none can start just
            now: ask again a little later.
        :param tell: to be called with each event, in the thread that called `run`.
        """
