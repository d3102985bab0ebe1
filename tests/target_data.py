"""Made-up results with what their runs paid for made-up frozen targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from report_data import TASKS, Results, make_results

from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.targets import reached_table


@dataclass(frozen=True)
class Measured(Results):
    reached: pd.DataFrame | None = None


def frozen_of(task: str) -> dict[str, Any]:
    """Targets between the start and a fiftieth of it, whatever the task."""
    start = TASKS[task][5]
    targets = [
        {"name": f"{share:.0%}", "share": share, "loss": start * factor, "forwards": 3000 * share}
        for share, factor in ((0.01, 0.9), (0.1, 0.3), (1.0, 0.02))
    ]
    return {
        "version": 1,
        "targets": [*targets, {"name": "tau 0.1", "tau": 0.1, "loss": start / 20, "forwards": 900}],
    }


def make_measured(*args: Any, **settings: Any) -> Measured:
    """As `make_results`, with targets."""
    made = make_results(*args, **settings)
    made.curves["seconds"], made.curves["flops"] = (
        made.curves["forwards"] / 5000,
        made.curves["forwards"] * 1e5,
    )
    curves = {
        str(id_): part[list(CURVE_COLUMNS)].to_numpy(dtype=float)
        for id_, part in made.curves.groupby("id", sort=False)
    }
    frozen = {(task, 1): frozen_of(task) for task in made.runs["task"].unique() if task in TASKS}
    return Measured(made.runs, made.curves, made.meta, {}, reached_table(made.runs, curves, {}, frozen))
