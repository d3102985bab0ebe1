"""What a process says of its cell, taken in only where a store can keep it: plain, whole and about that cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from nogd.bench.cell import Cell
from nogd.bench.columns import COSTS, CURVE_COLUMNS, REAL, TEXT, TRACE_COLUMNS, WHOLE, run_row
from nogd.bench.record import STATUSES, Arrays, Record, cell_columns
from nogd.bench.wire import Unusable

# Figures that every point has; the others are NaN where a task has no such thing.
_LARGEST_WHOLE = 2**63 - 1  # SQLite's
_PARTS = ("row", "curve", "trace", "theta", "pictures")


def sent(record: Record) -> dict[str, Any]:
    """A record as plain data for a message."""
    return {name: getattr(record, name) for name in _PARTS}


def received(cell: Cell, parts: Any) -> Record:
    """The cell's record from what `sent` gave. Raises Unusable for anything else."""
    if not isinstance(parts, Mapping) or set(parts) != set(_PARTS) or not isinstance(parts["row"], dict):
        raise Unusable("it sent something else than its record")
    return checked(cell, Record(cell.id, **parts))


def checked(cell: Cell, record: Record) -> Record:
    """The record if a store can keep it, with what the cell decides. Raises Unusable that says what is wrong."""
    row = {name: _plain(name, record.row.get(name)) for name in (*TEXT, *WHOLE, *REAL) if name in record.row}
    if row.get("status") not in STATUSES:
        raise Unusable(f"its status is {row.get('status')!r:.60}")
    if not _is_table(record.curve, CURVE_COLUMNS) or not np.isfinite(record.curve[:, : len(COSTS)]).all():
        raise Unusable("its curve is none")
    if not _is_table(record.trace, TRACE_COLUMNS):
        raise Unusable("its trace of losses is none")
    if record.theta is not None and not _is_vector(record.theta):
        raise Unusable("its solution is no vector of numbers")
    if not _are_pictures(record.pictures):
        raise Unusable("what it drew is no arrays")
    return replace(record, id=cell.id, row=run_row(row | cell_columns(cell)))


def point_from(sent: Any) -> dict[str, float]:
    """A point of a curve. Raises Unusable for what is none."""
    if not isinstance(sent, dict) or not all(isinstance(value, float | int) for value in sent.values()):
        raise Unusable("it sent something else than a point of its curve")
    point = {str(name): float(value) for name, value in sent.items()}
    if not all(math.isfinite(point.get(name, math.nan)) for name in COSTS):
        raise Unusable("a point of its curve lacks what it cost")
    return point


def _plain(name: str, value: Any) -> str | int | float | None:
    if value is None:
        return None
    if name in TEXT and isinstance(value, str):
        return str(value)
    if name in WHOLE and isinstance(value, Integral):
        if abs(int(value)) <= _LARGEST_WHOLE:
            return int(value)
    elif name not in TEXT and isinstance(value, Real):  # fractions of passes add up
        return float(value)
    raise Unusable(f"{name} is {value!r:.60} in its record")


def _is_table(found: Any, columns: tuple[str, ...]) -> bool:
    return isinstance(found, np.ndarray) and found.dtype == np.float64 and found.shape[1:] == (len(columns),)


def _is_vector(found: Any) -> bool:
    return isinstance(found, np.ndarray) and found.dtype.kind == "f" and found.ndim == 1


def _are_pictures(found: Any) -> bool:
    return isinstance(found, Mapping) and all(map(_are_arrays, found.values()))


def _are_arrays(found: Arrays | Any) -> bool:
    return isinstance(found, Mapping) and all(
        isinstance(name, str) and np.asarray(value).dtype.kind in "biufU" for name, value in found.items()
    )
