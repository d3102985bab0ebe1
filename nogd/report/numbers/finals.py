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
    """One row per applicable run: id, learner, task, repetition, failed, value, loss, score and ranked.

    `value` is the metric on test data (on training data where the task has no split), `loss` the training loss. A
    run that left neither counts with its last finite value on its curve, else with where it started, else with the
    constant predictor: a failure stays in every mean. `score` is `value` normalised (0 constant predictor, 1
    reference), that of a run that failed no higher than the worst of those that ended on its task and repetition;
    `best_score` is the same where the run's validation loss was lowest (`score` where there are no validation data);
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
    scale = (numbers(rows, "constant"), numbers(rows, "reference"), greater)
    score = normalised_score(value, *scale)
    best = normalised_score(np.where(split, _at_best_validation(rows, curves), np.nan), *scale)
    return rows[["id", "learner", "task", "repetition"]].assign(
        failed=failed,
        split=split,
        greater=greater,
        value=value,
        loss=np.where(np.isfinite(loss), loss, numbers(rows, "start_loss")),
        score=_no_better_than_ended(rows, score, failed),
        best_score=_no_better_than_ended(rows, np.where(np.isnan(best), score, best), failed),
        ranked=ranked,
    )


def _no_better_than_ended(rows: DataFrame, score: Any, failed: Any) -> Any:
    """The scores, those of runs that failed cut: no failure may buy a place."""
    ended = Series(np.where(failed, np.nan, score), index=rows.index)
    worst = ended.groupby([rows["task"], rows["repetition"]]).transform("min").to_numpy()
    return np.where(failed, np.fmin(score, worst), score)


def _at_best_validation(rows: DataFrame, curves: DataFrame) -> Any:
    """Each run's test metric where its validation loss was lowest for the first time; NaN where that is unknown."""
    if "validation_loss" not in curves:
        return np.full(len(rows), np.nan)
    losses, metrics = numbers(curves, "validation_loss"), numbers(curves, "test_metric")
    known = np.flatnonzero(np.isfinite(losses) & np.isfinite(metrics))
    lowest = known[np.lexsort((numbers(curves, "forwards")[known], losses[known]))]
    first = Series(metrics[lowest], index=curves["id"].iloc[lowest])
    return rows["id"].map(first[~first.index.duplicated()]).to_numpy(dtype=float)


def matrices(finals: DataFrame, column: str) -> dict[str, Any]:
    """A column of final values by learner, shape (repetitions, tasks), both in ascending order; NaN without a run.

    All learners have the same repetitions and tasks, those of the table.
    """
    last = finals.drop_duplicates(["learner", "task", "repetition"], keep="last")
    repetitions, row = np.unique(last["repetition"].to_numpy(), return_inverse=True)
    tasks, place = np.unique(last["task"].to_numpy(dtype=str), return_inverse=True)
    found = {str(name): np.full((len(repetitions), len(tasks)), np.nan) for name in last["learner"].unique()}
    values = last[column].to_numpy(dtype=float)
    for learner, i, j, value in zip(last["learner"], row, place, values, strict=True):
        found[str(learner)][i, j] = value
    return found


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
    narrow = curves[["id", "task", "repetition", "forwards", column]]
    known: DataFrame = narrow[np.isfinite(numbers(curves, column))]
    return known


def numbers(table: DataFrame, column: str) -> Any:
    """A column as floats; None and text that is no number become NaN."""
    return pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)


def finite(table: DataFrame, column: str) -> Any:
    """A column as floats, NaN where it is infinite: a cost that cannot be."""
    return finite_values(numbers(table, column))
