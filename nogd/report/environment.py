"""Where and how the runs were made, and what the tasks are: facts for the end of the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pandas import DataFrame

_TITLES = {
    "task": "task",
    "task_version": "version",
    "metric_name": "metric",
    "scored": "scored on",
    "constant": "constant predictor",
    "reference": "reference",
    "gradient_cost": "forwards a gradient",
    "budget": "budget",
    "threads": "threads",
    "device": "device",
}


def task_facts(runs: DataFrame) -> DataFrame:
    """One row a task: version, metric, data that it is scored on, levels, price of a gradient, budget."""
    first = runs.sort_values(["task", "task_version"], kind="stable").drop_duplicates("task")
    scored = first["has_split"].map(lambda split: "test data" if split else "training data (no split)")
    cost = runs.groupby("task")["gradient_cost"].max()
    budgets = first["budget"].map(_budget)
    facts = first.assign(scored=scored, gradient_cost=first["task"].map(cost), budget=budgets)
    return facts[list(_TITLES)].rename(columns=_TITLES)


def sessions(meta: Mapping[str, Any]) -> list[list[tuple[str, str]]]:
    """Each session's facts, the newest first, as (name, value) pairs, nested mappings written in one line."""
    return [
        [
            ("session" if key == "id" else str(key).replace("_", " "), _told(value))
            for key, value in session.items()
        ]
        for session in reversed(meta.get("sessions") or ())
    ]


def _budget(text: object) -> str:
    """{"forwards": 3000} as "3,000 forwards"; anything else as it is."""
    try:
        limits = json.loads(str(text))
    except ValueError:
        return str(text)
    if not isinstance(limits, dict):
        return str(text)
    given = {name: limit for name, limit in limits.items() if isinstance(limit, int | float)}
    return ", ".join(f"{limit:,.15g} {name}" for name, limit in given.items())


def _told(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_told(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(map(_told, value))
    return str(value)
