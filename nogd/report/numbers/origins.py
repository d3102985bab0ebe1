"""Where and how the runs were made, and what the tasks are: facts for the end of the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pandas import DataFrame

_TITLES = {
    "task": "task",
    "task_version": "version",
    "metric_name": "metric",
    "scored": "scored on",
    "constant": "constant predictor",
    "reference": "reference",
    "gradient_cost": "forwards per gradient",
    "budget": "budget",
    "threads": "threads",
    "device": "device",
}

_LEARNER_TITLES = {
    "learner": "learner",
    "package": "package",
    "version": "version",
    "hyper": "hyper-parameters",
}


def task_facts(runs: DataFrame) -> DataFrame:
    """One row per task: version, metric, data that it is scored on, levels, price of a gradient, budget."""
    first = runs.sort_values(["task", "task_version"], kind="stable").drop_duplicates("task")
    scored = first["has_split"].map(lambda split: "test data" if split else "training data (no split)")
    cost = runs.groupby("task")["gradient_cost"].max()
    budgets = first["budget"].map(budget_told)
    facts = first.assign(scored=scored, gradient_cost=first["task"].map(cost), budget=budgets)
    return facts[list(_TITLES)].rename(columns=_TITLES)


def makers(meta: Mapping[str, Any], runs: DataFrame) -> Sequence[Mapping[str, Any]]:
    """The sessions that made these runs, oldest first; all where it is not known which did."""
    every: Sequence[Mapping[str, Any]] = meta.get("sessions") or ()
    made = set(runs["session"]) if "session" in runs else set()
    return [session for session in every if session.get("id") in made] or every


def sessions(meta: Mapping[str, Any], runs: DataFrame) -> list[list[tuple[str, str]]]:
    """Facts of the sessions that made these runs, the newest first, as (name, value) pairs, nested ones in one line."""
    return [
        [
            ("session" if key == "id" else str(key).replace("_", " "), _told(_without_tags(value)))
            for key, value in session.items()
            if _without_tags(value) not in ("", None, {})
        ]
        for session in reversed(makers(meta, runs))
    ]


def _without_tags(value: Any) -> Any:
    """A session's settings without the tags of all its learners and tasks, which the page's filters have."""
    return (
        {key: part for key, part in value.items() if key != "tags"} if isinstance(value, Mapping) else value
    )


def learner_facts(runs: DataFrame) -> DataFrame:
    """One row per learner and version: where it comes from, and the hyper-parameters that were set."""
    first = runs.sort_values(["learner", "version"], kind="stable").drop_duplicates(["learner", "version"])
    facts = first.assign(hyper=first["hyper"].map(settings_told))
    return facts[list(_LEARNER_TITLES)].rename(columns=_LEARNER_TITLES)


def budgets_told(runs: DataFrame) -> str:
    """The budget of a run in words; where runs had several, how many."""
    budgets = sorted(set(runs["budget"].map(budget_told)))
    return budgets[0] if len(budgets) == 1 else f"{len(budgets)} different budgets"


def run_list(runs: DataFrame) -> DataFrame:
    """All runs in brief, with the ids that `nogd rerun` takes."""
    columns = [
        "id",
        "learner",
        "task",
        "repetition",
        "status",
        "loss",
        "metric",
        "test_metric",
        "forwards",
        "seconds",
    ]
    return runs.sort_values(["learner", "task", "repetition"], kind="stable")[columns]


def commands(meta: Mapping[str, Any], runs: DataFrame) -> list[tuple[str, str]]:
    """What to type to get these results again, each with what it does."""
    typed = _typed(meta)
    whole = "the whole comparison" if len(typed) == 1 else "a part of the comparison, asked for in this order"
    found = [(command, f"{whole}; runs that are stored already are kept") for command in typed]
    if len(runs):
        example = str(runs.sort_values(["learner", "task", "repetition"])["id"].iloc[0])
        found.append((f"nogd runs --id {example} --show", "all that is known of one run, with its curve"))
        found.append((f"nogd rerun {example}", "the same run again, by its id"))
        found.append(("nogd export --format csv", "all runs, curves, targets and traces as tables"))
    return found


def _typed(meta: Mapping[str, Any]) -> list[str]:
    """The commands that last asked for what is shown, oldest first; the last of all where that is not known."""
    every: Sequence[Mapping[str, Any]] = meta.get("sessions") or ()
    asked = set(meta.get("asked_by") or ())
    found = [session for session in every if session.get("id") in asked] or every[-1:]
    return list(dict.fromkeys(str(session["command"]) for session in found if session.get("command")))


def settings_told(text: object) -> str:
    """{"lr": 0.01} as "lr=0.01"; anything else as it is."""
    try:
        settings = json.loads(str(text))
    except ValueError:
        return str(text)
    return (
        ", ".join(f"{name}={value}" for name, value in settings.items())
        if isinstance(settings, dict)
        else str(text)
    )


def budget_told(text: object) -> str:
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
    if isinstance(value, float):
        return f"{value:,.15g}"
    if isinstance(value, list | tuple):
        return "; ".join(map(_told, value))
    return str(value)
