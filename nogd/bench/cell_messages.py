"""What the process of one cell tells while it runs, as events; whatever is wrong with it costs that cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from traceback import format_exception
from typing import Any

from nogd.bench.cell import Cell
from nogd.bench.events import Event, Finished, Held, Pointed, Saved, Warned
from nogd.bench.intake import point_from, received
from nogd.bench.record import lost_record
from nogd.bench.wire import Unusable
from nogd.bench.wording import MOST, tidy
from nogd.errors import in_words

_MOST_WARNINGS = 20  # of a cell


class Told(StrEnum):
    """What can be told, each with a value."""

    STARTED = "started"
    HELD = "held"
    POINT = "point"
    CHECKPOINT = "checkpoint"
    WARNING = "warning"
    RECORD = "record"
    FAILED = "failed"


def failure(error: BaseException) -> dict[str, str]:
    """What is told with `Told.FAILED`: of an error that left no record."""
    told = {"reason": in_words(error), "traceback": "".join(format_exception(error))}
    return {name: tidy(text, MOST[name]) for name, text in told.items()}


@dataclass
class CellMessages:
    """Listens to one cell. points: those of its curve so far."""

    cell: Cell
    points: list[dict[str, float]] = field(default_factory=list)
    _warned: int = 0

    def event(self, kind: Any, value: Any) -> Event | None:
        """The event that this tells of; None where there is none to pass on. Raises Unusable for what is not told."""
        match kind, value:
            case Told.POINT, sent:
                self.points.append(point_from(sent))
                return Pointed(self.cell, self.points[-1])
            case Told.CHECKPOINT, bytes(state):
                return Saved(self.cell, state)
            case Told.WARNING, str(text):
                return self._warning(text)
            case Told.HELD, str(by):
                return Held(self.cell, tidy(by, MOST["reason"]))
            case Told.STARTED, _:
                return None
            case Told.RECORD, parts:
                return Finished(self.cell, received(self.cell, parts))
            case Told.FAILED, {"reason": str(reason), "traceback": str(traceback)}:
                return self.lost("error", reason, traceback)
        raise Unusable("it sent something else than nogd sends")

    def lost(self, status: str, reason: str, last_words: str = "") -> Finished:
        """The end of a cell that leaves no record of its own."""
        return Finished(self.cell, lost_record(self.cell, status, reason, last_words, self.points))

    def _warning(self, text: str) -> Warned | None:
        self._warned += 1
        if self._warned > _MOST_WARNINGS:
            return None
        last = self._warned == _MOST_WARNINGS
        return Warned(self.cell, "its further warnings are not shown" if last else tidy(text, MOST["reason"]))
