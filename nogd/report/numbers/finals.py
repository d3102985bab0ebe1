"""What every run ended with, failures included: the numbers behind leaderboard, ranks and bar charts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame, Series

from nogd.report.numbers.statistics import finite_values, normalised_score

FAILED = frozenset({"error", "timeout", "killed", "diverged"})
NOT_APPLICABLE = "not-applicable"


def applicable(runs: DataFrame) -> DataFrame:
    """The runs whose learner could be asked for at all."""
    return runs[runs["status"] != NOT_APPLICABLE]


def final_values(runs: DataFrame, curves: DataFrame) -> DataFrame:
    """One row per applicable run: learner, task, repetition, failed, value, loss, score and ranked.

    `value` is the metric on test data (on training data where the task has no split), `loss` the training loss. A
    run that left neither counts with its last finite value on its curve, else with where it started, else with the
    constant predictor: a failure stays in every mean. `score` is `value` normalised (0 constant predictor, 1
    reference), that of a run that timed out no higher than the worst of those that ended on its task and repetition;
    `ranked` is `value` as a loss, infinite for a failure.
    """
    rows = applicable(runs)
    split = numbers(rows, "has_split") > 0
    greater = numbers(rows, "metric_greater") > 0
    measured = np.where(split, numbers(rows, "test_metric"), numbers(rows, "metric"))
    failed = rows["status"].isin(FAILED).to_numpy()
    value = _filled(rows, curves, measured, np.where(split, "test_metric", "metric"))
    value = np.where(np.isfinite(value), value, numbers(rows, "constant"))
    loss = _filled(rows, curves, numbers(rows, "loss"), np.full(len(rows), "loss"))
    ranked = np.where(failed | ~np.isfinite(measured), np.inf, np.where(greater, -measured, measured))
    score = normalised_score(value, numbers(rows, "constant"), numbers(rows, "reference"), greater)
    return rows[["learner", "task", "repetition"]].assign(
        failed=failed,
        split=split,
        greater=greater,
        value=value,
        loss=np.where(np.isfinite(loss), loss, numbers(rows, "start_loss")),
        score=_no_better_than_ended(rows, score, failed),
        ranked=ranked,
    )


def _no_better_than_ended(rows: DataFrame, score: Any, failed: Any) -> Any:
    """The scores, those of runs that timed out cut: time that the others did not take must not buy a place."""
    ended = Series(np.where(failed, np.nan, score), index=rows.index)
    worst = ended.groupby([rows["task"], rows["repetition"]]).transform("min").to_numpy()
    return np.where(rows["status"] == "timeout", np.fmin(score, worst), score)


def starts(curves: DataFrame, column: str) -> Series[Any]:
    """Where a (task, repetition) starts: the first finite value of a column on any learner's curve.

    All learners start from the same parameters, so whichever wrote it down will do.
    """
    return _finite(curves, column).sort_values("forwards").groupby(["task", "repetition"])[column].first()


def _filled(rows: DataFrame, curves: DataFrame, values: Any, columns: Any) -> Any:
    """The values, with those that are not finite taken from the end of the run's curve, else from its start."""
    filled = np.array(values, dtype=float)
    for column in np.unique(columns[~np.isfinite(filled)]):
        gaps = ~np.isfinite(filled) & (columns == column)
        last = _finite(curves, column).sort_values("forwards").groupby("id")[column].last()
        filled[gaps] = rows["id"][gaps].map(last)
        gaps &= ~np.isfinite(filled)
        start = starts(curves, column).to_dict()
        places = zip(rows["task"][gaps], rows["repetition"][gaps], strict=True)
        filled[gaps] = [start.get(place, np.nan) for place in places]
    return filled


def _finite(curves: DataFrame, column: str) -> DataFrame:
    known: DataFrame = curves[np.isfinite(numbers(curves, column))]
    return known


def numbers(table: DataFrame, column: str) -> Any:
    """A column as floats; None and text that is no number become NaN."""
    return pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)


def finite(table: DataFrame, column: str) -> Any:
    """A column as floats, NaN where it is infinite: a cost that cannot be."""
    return finite_values(numbers(table, column))
