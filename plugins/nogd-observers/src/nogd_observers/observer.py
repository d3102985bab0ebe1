"""From nogd's hooks to a tracker, if an environment variable asks for one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Protocol

from nogd.hookspecs import hookimpl

if TYPE_CHECKING:
    from nogd.bench.cell import Cell
    from nogd.bench.record import Record
    from nogd.bench.session import Outcome, Session


class Tracker(Protocol):
    """What is kept of a session somewhere."""

    def started(self, cell: Cell) -> None:
        """A cell starts."""

    def point(self, cell: Cell, point: Mapping[str, float]) -> None:
        """A point of a running cell's curve."""

    def finished(self, cell: Cell, run: Record) -> None:
        """What a cell left behind."""

    def close(self) -> None:
        """There is no more; cells that have not finished were interrupted."""


class Observer:
    """A plugin that opens a tracker for each session, where the environment variable says.

    A tracker that fails is closed; nogd warns of it, and calls this plugin no more. tracker: "module:Class", made of
    the variable's value and the session. written: what it keeps, for lists.
    """

    def __init__(self, variable: str, tracker: str, written: str) -> None:
        self.variable, self._kind = variable, tracker
        self.summary = f"where {variable} says: {written}"
        self._tracker: Tracker | None = None

    @hookimpl
    def nogd_session_started(self, session: Session) -> None:
        """Open the tracker."""
        where = os.environ.get(self.variable, "").strip()
        self._tracker = resolve_name(self._kind)(where, session) if where else None

    @hookimpl
    def nogd_run_started(self, cell: Cell) -> None:
        """Pass it on."""
        with self._closed_if_it_fails() as tracker:
            if tracker is not None:
                tracker.started(cell)

    @hookimpl
    def nogd_point(self, cell: Cell, point: Mapping[str, float]) -> None:
        """Pass it on."""
        with self._closed_if_it_fails() as tracker:
            if tracker is not None:
                tracker.point(cell, point)

    @hookimpl
    def nogd_run_finished(self, cell: Cell, run: Record) -> None:
        """Pass it on."""
        with self._closed_if_it_fails() as tracker:
            if tracker is not None:
                tracker.finished(cell, run)

    @hookimpl
    def nogd_session_finished(self, outcome: Outcome) -> None:
        """Close the tracker."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            tracker.close()

    @contextmanager
    def _closed_if_it_fails(self) -> Iterator[Tracker | None]:
        try:
            yield self._tracker
        except Exception:
            tracker, self._tracker = self._tracker, None
            with suppress(Exception):  # the first error is the one that is told
                if tracker is not None:
                    tracker.close()
            raise
