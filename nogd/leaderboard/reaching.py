"""What a learner pays until it is as good on test data as another one at its end: in forwards, seconds and memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas import DataFrame

from nogd.leaderboard.fields import Field
from nogd.report.numbers.finals import applicable, numbers
from nogd.report.numbers.statistics import FloatArray

LEDGERS = ("forwards", "cpu_seconds", "memory_mb")


@dataclass(frozen=True, eq=False)
class Reaching:
    """table: one row for each learner and task, with the median over repetitions of what was paid, infinite where half
    of the runs or more never got there: learner, task, level, runs, reached, then LEDGERS. The rival's own rows say
    what it paid itself.
    """

    rival: str
    table: DataFrame

    def cheaper(self, learner: str, ledger: str) -> list[str]:
        """The tasks on which a learner gets there for less than the rival paid."""
        paid = self.table.pivot(index="task", columns="learner", values=ledger)
        if learner not in paid:
            return []
        return sorted(map(str, paid.index[paid[learner] < paid[self.rival]]))

    def got_there(self, learner: str) -> list[str]:
        """The tasks on which more than half of a learner's runs get there."""
        rows = self.table[self.table["learner"] == learner]
        return sorted(map(str, rows.loc[np.isfinite(rows["forwards"]), "task"]))


def reaching(field: Field, rival: str) -> Reaching:
    """What learners of a field pay until they reach a rival's median test metric.

    Both are taken where a run's validation loss was lowest so far (the metric itself, on the training data, where a
    task holds nothing out), so that nobody stops at a lucky test value. Seconds are processor time, spread over a run
    as its wall time is.

    :param field: the field; curves may be thinned, so that costs are exact to a quarter of a decade.
    :param rival: a learner of the field.
    """
    runs = applicable(field.tables.runs).set_index("id")
    curves = field.tables.curves[field.tables.curves["id"].isin(runs.index)]
    course = _course(curves, runs)
    ends = course.drop_duplicates("id", keep="last").set_index("id")["worth"]
    own = runs[runs["learner"] == rival]
    levels = ends.reindex(own.index).groupby(own["task"]).median()
    first = course[course["worth"] >= course["task"].map(levels)].drop_duplicates("id").set_index("id")
    paid = runs[["learner", "task", "memory_mb"]].join(first[["forwards", "cpu_seconds"]])
    paid = paid[paid["task"].isin(levels.index)].fillna({"forwards": np.inf, "cpu_seconds": np.inf})
    paid["memory_mb"] = np.where(np.isfinite(paid["forwards"]), numbers(paid, "memory_mb"), np.inf)
    groups = paid.groupby(["learner", "task"])
    table = groups[list(LEDGERS)].median().reset_index()
    table["level"] = table["task"].map(levels)
    table["runs"] = groups.size().to_numpy()
    table["reached"] = groups["forwards"].agg(lambda each: int(np.isfinite(each).sum())).to_numpy()
    return Reaching(rival, table)


def _course(curves: DataFrame, runs: DataFrame) -> DataFrame:
    """Each run's points in order, with what the best recommendation by then was worth; greater is better."""
    rows = curves.sort_values(["id", "forwards"], kind="stable")
    of = runs.reindex(rows["id"])
    way = np.where(numbers(of, "metric_greater") > 0, 1.0, -1.0)
    split = numbers(of, "has_split") > 0
    metric = np.where(split, numbers(rows, "test_metric"), numbers(rows, "metric")) * way
    choice = np.where(split, numbers(rows, "validation_loss"), -metric)
    share = numbers(of, "cpu_seconds") / np.maximum(numbers(of, "seconds"), 1e-9)
    return DataFrame(
        {
            "id": rows["id"].to_numpy(),
            "task": of["task"].to_numpy(),
            "forwards": numbers(rows, "forwards"),
            "cpu_seconds": numbers(rows, "seconds") * share,
            "worth": _at_lowest(rows["id"].to_numpy(), choice, metric),
        }
    )


def _at_lowest(ids: object, choice: FloatArray, metric: FloatArray) -> FloatArray:
    """The metric at the lowest choice so far of each run; NaN before there is one."""
    table = DataFrame({"id": ids, "choice": np.where(np.isfinite(choice), choice, np.inf), "metric": metric})
    lowest = table.groupby("id")["choice"].cummin()
    new = (table["choice"] == lowest) & np.isfinite(table["choice"])
    new &= table["choice"] < lowest.groupby(table["id"]).shift(fill_value=np.inf)
    kept = pd.Series(np.where(new, table["metric"], np.nan))
    return np.asarray(kept.groupby(table["id"]).ffill(), dtype=float)
