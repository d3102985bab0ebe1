"""What a run leaves behind, as a row for the store: light, so that reading needs no torch."""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nogd.bench.wording import MOST, tidy

if TYPE_CHECKING:
    from nogd.bench.cell import Cell

CURVE_COLUMNS = (
    "forwards", "evaluations", "gradients", "examples", "flops", "seconds", "iteration", "phase", "loss", "metric",
    "validation_loss", "validation_metric", "test_loss", "test_metric",
)  # fmt: skip
WHOLE_CURVE = ("evaluations", "gradients", "examples", "iteration", "phase")
"""Columns of a curve that count, and are known at every point."""
TRACE_COLUMNS = ("evaluations", "forwards", "flops", "seconds", "loss")

STATUSES: Mapping[str, str] = {  # how a run can end, and what that means
    "ok": "the learner says that it is finished",
    "target": "a candidate reached the training loss that was asked for",
    "budget": "the budget is spent: how most runs end",
    "diverged": "the loss of the recommendation is NaN or infinite at the end",
    "error": "the learner or the task raised an exception; the traceback is kept",
    "timeout": "the run was killed as it took longer than its time limit",
    "killed": "the run's process ended by itself, or was killed, as for memory",
    "not-applicable": "the learner cannot work on this task, and says why",
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
    """A finished cell. row: the columns of the store's table `runs`; curve, trace: tables; theta: the solution.

    pictures: what only pictures need, named arrays by kind; see nogd.bench.schema.
    """

    id: str
    row: dict[str, Any]
    curve: Table
    trace: Table = field(default_factory=lambda: np.empty((0, len(TRACE_COLUMNS))))
    theta: np.ndarray[Any, np.dtype[Any]] | None = None
    pictures: Mapping[str, Arrays] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Whatever a learner says of itself has an end."""
        for name, most in MOST.items():
            if isinstance(said := self.row.get(name), str):
                self.row[name] = tidy(said, most)

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
    row = cell_columns(cell) | {name: last.get(name) for name in CURVE_COLUMNS[:6]}
    row |= {name: reached.get(name) for name in CURVE_COLUMNS[8:]}
    row |= {
        "status": status,
        "reason": reason,
        "traceback": traceback,
        "start_loss": points[0].get("loss") if points else None,
        "best_loss": min((point["loss"] for point in finite), default=None),
        "host": socket.gethostname(),
    }
    return Record(cell.id, row, curve_table(points))
