"""Where learners are compared: tasks of one suite at one budget that all have a gradient, or all have none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from nogd.bench.tables import RunTables
from nogd.leaderboard.facts import Facts
from nogd.leaderboard.plan import Part, Plan
from nogd.report.numbers.tables import Tables

SURROGATE = "surrogate"
ON_SURROGATE = f" ({SURROGATE})"
"""Behind the name of a learner that ran on a surrogate of the task."""
_SETTING = ",surrogate=true"
_SPLIT = "split="


@dataclass(frozen=True, eq=False)
class Field:
    """Tasks of one suite at one budget, with the runs on them.

    gradient: whether these tasks have one. tuned: whether learners have settings that tuning found. Runs on a task with
    a surrogate gradient, or a surrogate loss, are rows of the task itself, by a learner of its own: "adam (surrogate)".
    """

    suite: str
    forwards: float
    gradient: bool
    tables: Tables
    tuned: bool = False

    @property
    def name(self) -> str:
        """What it is called in headings."""
        return f"{self.runs_of}, {self.kind}, {self.forwards:,.0f} forwards"

    @property
    def runs_of(self) -> str:
        """The suite, and whether its learners were tuned, in words."""
        return f"{self.suite}, tuned" if self.tuned else self.suite

    @property
    def kind(self) -> str:
        """Whether there is a gradient, in words."""
        return "with a gradient" if self.gradient else "without a gradient"

    @property
    def tasks(self) -> list[str]:
        """Its tasks by name."""
        return self.tables.tasks


def fields_of(plan: Plan, parts: Mapping[str, RunTables], facts: Mapping[str, Facts]) -> list[Field]:
    """The fields of all parts, suites in the plan's order and those of tuned learners last.

    Within a suite, what has a gradient and small budgets come first.

    :param facts: of every task that is not one with a surrogate gradient.
    """
    suites: dict[tuple[bool, str], list[Part]] = {}
    for part in sorted(plan.parts, key=lambda part: part.tuned):
        if part.name in parts and not part.splits:
            suites.setdefault((part.tuned, part.suite), []).append(part)
    return [
        replace(field, tuned=tuned)
        for (tuned, suite), mine in suites.items()
        for field in fields_of_suite(suite, together(mine, parts), facts, surrogates_of(mine))
    ]


def surrogates_of(parts: Sequence[Part]) -> dict[str, str]:
    """Tasks under a name of their own that are another one with a surrogate gradient, by that one's name."""
    return {own: task for part in parts for own, task in part.surrogates.items()}


def on_surrogate(learner: str) -> bool:
    """Whether the name stands for a learner's runs on a surrogate of the task."""
    return learner.endswith(ON_SURROGATE)


def own_task(task: str, surrogates: Mapping[str, str]) -> str:
    """The task whose surrogate this is; the task itself where it is none."""
    return surrogates.get(task, task.removesuffix(_SETTING))


def split_of(task: str) -> tuple[str, int]:
    """A task without the setting that says which split of its data it is on, and that split's number."""
    words = task.split(",")
    numbers = [int(word.removeprefix(_SPLIT)) for word in words if word.startswith(_SPLIT)]
    return ",".join(word for word in words if not word.startswith(_SPLIT)), sum(numbers)


def together(parts: Sequence[Part], tables: Mapping[str, RunTables]) -> RunTables:
    """The runs of several parts together, with the settings of the first."""
    found = [tables[part.name] for part in parts]
    runs, curves = (
        pd.concat([getattr(each, name) for each in found], ignore_index=True) for name in ("runs", "curves")
    )
    return RunTables(runs, curves, found[0].meta)


def fields_of_suite(
    suite: str, tables: RunTables, facts: Mapping[str, Facts], surrogates: Mapping[str, str]
) -> Iterator[Field]:
    """The fields of one suite's runs, with what has a gradient and small budgets first.

    :param surrogates: as from `surrogates_of`.
    """
    runs = _as_rivals(tables.runs, surrogates)
    has_gradient = runs["task"].map(lambda task: facts[task].gradient)
    for gradient in (True, False):
        rows = runs[has_gradient == gradient]
        for forwards, mine in rows.groupby(rows["budget"].map(_forwards)):
            yield Field(suite, float(forwards), gradient, _tables(tables, mine))


def _forwards(budget: object) -> float:
    """The forwards of a budget as it is stored; 0 where it has none."""
    limits: Mapping[str, Any] = json.loads(str(budget))
    return float(limits.get("forwards") or 0.0)


def _as_rivals(runs: pd.DataFrame, surrogates: Mapping[str, str]) -> pd.DataFrame:
    """Runs on a surrogate become those of a learner of its own on the task; what follows from its loss is unknown."""
    own = runs["task"].map(lambda task: own_task(str(task), surrogates))
    by = runs["task"] != own
    facts = runs[~by].drop_duplicates("task").set_index("task")
    found = runs.assign(task=own, learner=runs["learner"].where(~by, runs["learner"] + ON_SURROGATE))
    for column in ("constant", "reference", "task_version", "start_loss"):
        found[column] = found[column].where(~by, own.map(facts[column]))
    kept = ~by | ~(found["status"] == "not-applicable")
    return found[kept & found["task"].isin(facts.index)]


def _tables(tables: RunTables, runs: pd.DataFrame) -> Tables:
    ids = set(runs["id"])
    names = runs.set_index("id")[["learner", "task"]]
    curves = tables.curves[tables.curves["id"].isin(ids)]
    curves = curves.assign(learner=curves["id"].map(names["learner"]), task=curves["id"].map(names["task"]))
    return Tables(runs, curves, tables.meta)
