"""Points as rows of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nogd.bench.cell import Cell
from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.record import Record
from nogd.bench.session import Session
from nogd.errors import UserError

COLUMNS = (
    "time", "session", "run", "learner", "task", "repetition", "event", "status", "reason", *CURVE_COLUMNS
)  # fmt: skip
"""event: "started", "point" or "finished"; status and reason: of a run that has finished."""


class CsvLog:
    """Appends a row for each start, point and end of a run, written at once so that it can be followed.

    where: the file. Raises UserError where it cannot be one, or has other columns.
    """

    def __init__(self, where: str, session: Session) -> None:
        path = Path(where).expanduser()
        if path.is_dir():
            raise UserError(f"NOGD_CSV_LOG={where} is a folder; name a file, such as {path / 'log.csv'}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._session = session.number
        self._file = path.open("a+", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        self._file.seek(0)
        header = next(csv.reader(self._file), None)
        if header is None:
            self._write(COLUMNS)
        elif tuple(header) != COLUMNS:
            self.close()
            raise UserError(f"NOGD_CSV_LOG={where} has other columns than this log; name another file.")

    def started(self, cell: Cell) -> None:
        """A row that says when."""
        self._row(cell, "started", {})

    def point(self, cell: Cell, point: Mapping[str, float]) -> None:
        """A row with all its figures."""
        self._row(cell, "point", point)

    def finished(self, cell: Cell, run: Record) -> None:
        """A row with the solution's figures, and how the run ended."""
        self._row(cell, "finished", run.row)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _row(self, cell: Cell, event: str, figures: Mapping[str, Any]) -> None:
        known = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "session": self._session,
            "run": cell.id,
            "learner": cell.label,
            "task": cell.task,
            "repetition": cell.repetition,
            "event": event,
        }
        self._write([known.get(name, figures.get(name)) for name in COLUMNS])

    def _write(self, row: Any) -> None:
        self._rows.writerow(row)
        self._file.flush()
