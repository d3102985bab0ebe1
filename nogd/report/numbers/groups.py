"""Which learners can be compared on which tasks: a learner that cannot do a task has no rank there."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pandas import DataFrame

from nogd.report.numbers.finals import applicable


@dataclass(frozen=True)
class Group:
    """Tasks that have the same able learners."""

    tasks: tuple[str, ...]
    learners: tuple[str, ...]


def compared_learners(runs: DataFrame) -> list[str]:
    """Learners with a run that they could do, by name."""
    return sorted(map(str, applicable(runs)["learner"].unique()))


def groups(runs: DataFrame) -> list[Group]:
    """The comparable parts of a comparison: first the tasks that all compared learners can do, if there are any.

    The other tasks follow, those with the same able learners together, the largest group first.
    """
    everyone = tuple(compared_learners(runs))
    tasks_of: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for task, rows in applicable(runs).groupby("task"):
        tasks_of[tuple(sorted(map(str, rows["learner"].unique())))].append(str(task))
    found = [Group(tuple(sorted(tasks)), learners) for learners, tasks in tasks_of.items()]
    return sorted(found, key=lambda group: (group.learners != everyone, -len(group.tasks), group.tasks))


def unequal_budgets(runs: DataFrame, settings: Mapping[str, Any]) -> bool:
    """Whether learners had different budgets on one task, or the experiment says that costs are unequal."""
    if settings.get("unequal_cost"):
        return True
    rows = applicable(runs)
    budgets = rows["budget"].map({text: canonical(text) for text in rows["budget"].unique()})
    return bool((budgets.groupby(rows["task"]).nunique() > 1).any())


def canonical(text: object) -> str:
    """A budget's JSON text in one spelling, so that the order of its keys makes no difference; other text as it is."""
    try:
        return json.dumps(json.loads(str(text)), sort_keys=True)
    except ValueError:
        return str(text)
