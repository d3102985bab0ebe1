"""Failures and what could not be asked for, with reasons; tracebacks follow on the page."""

from __future__ import annotations

from pandas import DataFrame

from nogd.report.figure import Comparison, Drawn, Figure
from nogd.report.names import counted
from nogd.report.numbers.finals import FAILED, NOT_APPLICABLE


def draw(comparison: Comparison) -> Drawn | None:
    """A table of runs that failed, or None if all went well."""
    runs = comparison.runs
    wrong = runs[runs["status"].isin(FAILED | {NOT_APPLICABLE})]
    if wrong.empty:
        return None
    data = wrong[["status", "learner", "task", "repetition", "reason", "id"]]
    data = data.sort_values(["status", "learner", "task", "repetition"], kind="stable").reset_index(drop=True)
    return Drawn(None, data, _finding(wrong), table=_gathered(data))


def _gathered(data: DataFrame) -> DataFrame:
    """One row for runs that share learner, task, status and reason."""
    together = data.groupby(["status", "learner", "task", "reason"], sort=True, dropna=False)
    rows = together["repetition"].agg(runs="size", repetitions=lambda numbers: ", ".join(map(str, numbers)))
    table = rows.reset_index()
    order = table["status"].eq(NOT_APPLICABLE)
    return (
        table.assign(last=order)
        .sort_values("last", kind="stable")
        .drop(columns="last")
        .reset_index(drop=True)
    )


def _finding(wrong: DataFrame) -> str:
    failed = int(wrong["status"].isin(FAILED).sum())
    return f"{counted(failed, 'run')} failed; {counted(len(wrong) - failed, 'run')} not applicable."


FIGURE = Figure(
    name="failures",
    title="Failures and not applicable",
    reading=(
        (
            "A failed run (error, timeout, killed, diverged) takes the last place in its ranks and counts in every "
            "mean with its last finite value."
        ),
        (
            "Not applicable is not a failure: the learner needs something that the task lacks, says what, and is left "
            "out of ranks on that task."
        ),
    ),
    draw=draw,
    summary="runs that failed or could not be asked for",
    order=90,
)
