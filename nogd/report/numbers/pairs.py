"""All (task, target) pairs of a comparison: what each run paid for each, ready for `running_time`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas import DataFrame

from nogd.report.numbers.finals import numbers
from nogd.report.numbers.running_time import CAP, expected_running_time
from nogd.report.numbers.statistics import FloatArray
from nogd.report.numbers.tables import Tables

NO_TARGETS = (
    "No task here has frozen targets, so how soon they are reached cannot be said: 'nogd targets freeze' makes them, "
    "and the next report has them."
)


@dataclass(frozen=True)
class Pairs:
    """paid, spent: in forwards, shape (pairs, learners, runs); reference, caps: (pairs,).

    reference: what one success costs the frozen reference; caps: what counts where there is none. See
    `nogd.report.numbers.running_time`.
    """

    tasks: tuple[str, ...]
    targets: tuple[str, ...]
    learners: tuple[str, ...]
    paid: FloatArray
    spent: FloatArray
    reference: FloatArray
    caps: FloatArray

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self.tasks)

    @property
    def times(self) -> FloatArray:
        """Expected running times, shape (pairs, learners)."""
        return expected_running_time(self.paid, self.spent)


def pairs_of(comparison: Tables, tasks: Sequence[str], learners: Sequence[str]) -> Pairs | None:
    """The pairs of some tasks and learners, or None where no target is frozen."""
    rows = reached(comparison, tasks, learners)
    if rows.empty:
        return None
    pair, names = pd.factorize(pd.MultiIndex.from_frame(rows[["task", "target"]]), sort=True)
    places = {name: place for place, name in enumerate(learners)}
    learner = rows["learner"].map(places).to_numpy()
    run, repetitions = pd.factorize(rows["repetition"], sort=True)
    paid, spent = (np.full((len(names), len(learners), len(repetitions)), np.nan) for _ in range(2))
    paid[pair, learner, run] = numbers(rows, "forwards")
    spent[pair, learner, run] = rows["spent"].to_numpy(dtype=float)
    first = rows.groupby(pair, sort=True)[["expected", "budget"]].first()
    return Pairs(
        tuple(str(task) for task, _ in names),
        tuple(str(target) for _, target in names),
        tuple(learners),
        paid,
        spent,
        first["expected"].to_numpy(dtype=float),
        CAP * first["budget"].to_numpy(dtype=float),
    )


def reached(comparison: Tables, tasks: Sequence[str], learners: Sequence[str]) -> DataFrame:
    """The rows of `comparison.reached` on some tasks, with what each run spent and the task's budget, in forwards."""
    table = comparison.once(_with_spent)
    return table[table["task"].isin(list(tasks)) & table["learner"].isin(list(learners))]


def _with_spent(comparison: Tables) -> DataFrame:
    table = comparison.reached
    if table is None or table.empty:
        return DataFrame(columns=["task", "learner"])
    runs = comparison.runs
    budget = _budgets(runs)
    spent = numbers(runs, "forwards")
    spent = np.where(np.isfinite(spent), spent, budget)  # a run that was lost before it could tell
    costs = DataFrame({"id": runs["id"], "spent": spent, "budget": budget})
    return table.merge(costs, on="id")


def _budgets(runs: DataFrame) -> FloatArray:
    """Each run's budget in forwards; where it had no such limit, the most that any run spent on the task."""
    limits = (
        runs["budget"].map({text: _limit(text) for text in runs["budget"].unique()}).to_numpy(dtype=float)
    )
    most = runs.groupby("task")["forwards"].transform("max").to_numpy(dtype=float)
    return np.where(np.isfinite(limits), limits, most)


def _limit(text: object) -> float:
    try:
        return float(json.loads(str(text)).get("forwards") or np.nan)
    except (ValueError, AttributeError, TypeError):
        return np.nan
