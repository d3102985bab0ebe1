"""What a run leaves behind, as a row for the store: light, so that reading needs no torch."""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nogd.bench.columns import COSTS, CURVE_COLUMNS, TRACE_COLUMNS, WORTHS, RunRow, run_row
from nogd.bench.wording import MOST, tidy

if TYPE_CHECKING:
    from nogd.bench.cell import Cell

STATUSES: Mapping[str, str] = {  # how a run can end, and what that means
    "ok": "the learner has finished",
    "target": "a candidate reached the target training loss",
    "budget": "the budget is spent, as in most runs",
    "diverged": "the loss of the recommendation is NaN or infinite at the end",
    "error": "the learner or the task raised an exception; the traceback is kept",
    "timeout": "the run was killed because it exceeded its time limit",
    "killed": "the run's process ended unexpectedly, or was killed, for example for its memory use",
    "not-applicable": "the learner cannot work on this task; the reason is stored",
}
FAILED = ("diverged", "error", "timeout", "killed")
TRIED_AGAIN = ("error", "timeout", "killed")

Table = np.ndarray[Any, np.dtype[np.float64]]
Arrays = Mapping[str, np.ndarray[Any, Any]]


def curve_table(points: Sequence[Mapping[str, float]]) -> Table:
    """Points as an array `[points, len(CURVE_COLUMNS)]`; NaN where a point lacks a figure."""
    rows = [[point.get(name, math.nan) for name in CURVE_COLUMNS] for point in points]
    return np.array(rows, dtype=np.float64).reshape(-1, len(CURVE_COLUMNS))


@dataclass(frozen=True)
class Record:
    """The result of a cell.

    :param id: the cell's.
    :param row: the columns of the store's table `runs`.
    :param curve: the points, one row each.
    :param trace: improvements of the best loss, one row each.
    :param theta: the solution, `[D]`, or None.
    :param pictures: data that only pictures need: named arrays by kind; see nogd.bench.schema.
    """

    id: str
    row: RunRow
    curve: Table
    trace: Table = field(default_factory=lambda: np.empty((0, len(TRACE_COLUMNS))))
    theta: np.ndarray[Any, np.dtype[Any]] | None = None
    pictures: Mapping[str, Arrays] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Whatever a learner says of itself has an end."""
        told = {name: tidy(str(said), most) for name, most in MOST.items() if (said := self.row.get(name))}
        self.row.update(run_row(told))

    @property
    def status(self) -> str:
        """One of STATUSES."""
        return str(self.row["status"])


def cell_columns(cell: Cell) -> dict[str, Any]:
    """The columns that a cell alone decides."""
    return {
        "id": cell.id,
        "learner": cell.label,
        "learner_name": cell.learner["name"],
        "package": cell.learner["package"],
        "version": cell.learner["version"],
        "hyper": json.dumps(cell.learner["settings"], sort_keys=True),
        "task": cell.task,
        "task_package": cell.task_package,
        "task_version": cell.task_version,
        "repetition": cell.repetition,
        "threads": cell.threads,
        "device": cell.device,
        "budget": json.dumps({name: limit for name, limit in cell.budget.items() if limit is not None}),
    }


def lost_record(
    cell: Cell, status: str, reason: str, traceback: str, points: Sequence[Mapping[str, float]]
) -> Record:
    """The record of a cell whose process is gone: its last point stands for what it spent and reached."""
    last = dict(points[-1]) if points else {}
    finite = [point for point in points if math.isfinite(point.get("loss", math.nan))]
    reached = finite[-1] if finite else {}
    row = cell_columns(cell) | {name: last.get(name) for name in COSTS[:6]}
    row |= {name: reached.get(name) for name in WORTHS}
    row |= {
        "status": status,
        "reason": reason,
        "traceback": traceback,
        "start_loss": points[0].get("loss") if points else None,
        "best_loss": min((point["loss"] for point in finite), default=None),
        "host": socket.gethostname(),
    }
    return Record(cell.id, run_row(row), curve_table(points))
