"""One call of `nogd run`, as its observers see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nogd.bench.cell import Cell
from nogd.plugins.manager import plugins


@dataclass
class Outcome:
    """How a session stands. ran, failed: cells so far; completed: whether it came to its end, with failures or not."""

    ran: int = 0
    failed: int = 0
    completed: bool = False


@dataclass(frozen=True)
class Session:
    """One call of `nogd run`, or of `nogd.run`.

    number: under which the store knows it; folder: of the store; executor: what runs cells, by name and settings;
    cells: all that it asks for; pending: those of them that are to run now, as far as no other call is at work on them.
    """

    number: int
    folder: Path
    executor: str
    cells: tuple[Cell, ...]
    pending: tuple[Cell, ...] = field(repr=False)


@contextmanager
def observed(session: Session) -> Iterator[Outcome]:
    """Tell observers that a session starts and, whatever happens within, that it has finished."""
    outcome = Outcome()
    plugins().notify("nogd_session_started", session=session)
    try:
        yield outcome
        outcome.completed = True
    finally:
        plugins().notify("nogd_session_finished", session=session, outcome=outcome)
