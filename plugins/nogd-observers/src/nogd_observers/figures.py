"""What trackers keep of cells, points and records, in the plain form that they take."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from nogd.bench.cell import Cell
from nogd.bench.columns import WORTHS


def step_of(point: Mapping[str, float]) -> int:
    """The forwards that were spent, as trackers count in whole steps."""
    return round(point["forwards"])


def finite(figures: Mapping[str, Any], *names: str) -> dict[str, float]:
    """Those of the figures that are finite numbers: trackers have no place for others."""
    found = {name: figures.get(name) for name in names}
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def worths(figures: Mapping[str, Any]) -> dict[str, float]:
    """The losses and metrics among the figures."""
    return finite(figures, *WORTHS)


def settings_of(cell: Cell) -> dict[str, str | float | bool]:
    """All that a run can be looked up by: learner, task, repetition, budget, hyper-parameters."""
    limits = {f"budget.{name}": limit for name, limit in cell.budget.items() if limit is not None}
    hyper = {f"learner.{name}": _plain(value) for name, value in cell.learner["settings"].items()}
    return {"learner": cell.label, "task": cell.task, "repetition": cell.repetition, **limits, **hyper}


def _plain(value: Any) -> str | float | bool:
    return value if isinstance(value, str | int | float | bool) else json.dumps(value, sort_keys=True)
