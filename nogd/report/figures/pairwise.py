"""A against B: two learners task by task; the page lets its reader pick them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Any

from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.style import leading
from nogd.report.figure import Comparison, Drawn, Figure, choice
from nogd.report.figures.task_table import headed
from nogd.report.names import counted, short_name
from nogd.report.numbers.groups import unequal_budgets
from nogd.report.numbers.pairwise import BETTER, WORSE, pairwise_table, told_apart

_ALL_PAIRS = 16
"""With more learners, those that figures show in colour are compared with all others."""
_SIGNS = {BETTER: "▲ ", WORSE: "▼ "}
_NUMBERS = ("first_value", "second_value", "difference", "low", "high", "wins", "p", "p_holm")
NO_PAIR = "There are no two learners with runs on one task to compare."
UNEQUAL = "Budgets differ, so a better run need not mean a better learner: no two learners are compared."


def draw(comparison: Comparison) -> Drawn | str:
    """The first of the leaderboard against the second as a table, with the data of all pairs; or why there is none."""
    if unequal_budgets(comparison.runs, comparison.settings):
        return UNEQUAL
    pairs = _pairs(comparison)
    data = _rounded(pairwise_table(comparison, pairs))
    if data.empty:
        return NO_PAIR
    compared = set(zip(data["first"], data["second"], strict=True))
    first, second = next(pair for pair in pairs if pair in compared)
    rows = data[(data["first"] == first) & (data["second"] == second)]
    return Drawn(
        None,
        data,
        finding(rows, first, second) + _left_out(comparison.learners, compared),
        table=_table(comparison, rows, list(dict.fromkeys(data["task"]))),
    )


def pair_text(comparison: Comparison, first: str, second: str) -> str:
    """The same of any two learners, for the terminal. Raises UserError where they cannot be compared."""
    ours, theirs = (choice("learner", name, comparison.learners) for name in (first, second))
    if ours == theirs:
        raise UserError(f"{short_name(ours)} cannot be compared with itself; name two learners.")
    if unequal_budgets(comparison.runs, comparison.settings):
        raise UserError(UNEQUAL)
    rows = _rounded(pairwise_table(comparison, [(ours, theirs)]))
    if rows.empty:
        raise UserError(f"{short_name(ours)} and {short_name(theirs)} have no task in common.")
    table = _table(comparison, rows, list(rows["task"])).map(lambda cell: str(cell).replace("\n", "  "))
    return f"{finding(rows, ours, theirs)}\n\n{table.to_string(index=False)}"


def _pairs(comparison: Comparison) -> list[tuple[str, str]]:
    """All pairs, in the leaderboard's order; of many learners those with one that is in colour."""
    learners = [str(name) for name in comparison.board.table["learner"]]
    loud = set(learners if len(learners) <= _ALL_PAIRS else leading(comparison))
    return [pair for pair in combinations(learners, 2) if loud & set(pair)]


def _left_out(learners: Sequence[str], compared: Collection[tuple[str, str]]) -> str:
    """What to say where not all pairs are there; the page's script keeps it behind what it says of another pair."""
    if len(learners) <= _ALL_PAIRS:
        return ""
    pairs = counted(len(compared), "pair")
    return (
        f" Of {len(learners)} learners only those in colour are compared with all others, {pairs}; nogd report --pair "
        "compares any two."
    )


def _rounded(data: DataFrame) -> DataFrame:
    """Four digits, which is what the page shows of each number."""
    return data.assign(**{name: [float(f"{value:.4g}") for value in data[name]] for name in _NUMBERS})


def _table(comparison: Comparison, rows: DataFrame, tasks: list[str]) -> DataFrame:
    """One row per task; a dash where the two have no runs in common."""
    named = {str(row["task"]): row for row in comparison.runs.drop_duplicates("task").to_dict("records")}
    by_task = {str(row["task"]): row for row in rows.to_dict("records")}
    cells = [[_head(task, named[task]), *_cells(by_task.get(task))] for task in tasks]
    return DataFrame(
        cells,
        columns=["task", "first", "second", "difference", "first wins", "p", "p (Holm)", "the first is"],
    )


def _head(task: str, facts: Mapping[Any, Any]) -> str:
    told = {"task": task, "metric": facts["metric_name"], "greater_is_better": facts["metric_greater"]}
    return headed({**told, "data": "test" if facts["has_split"] else "training"})


def _cells(row: Mapping[Any, Any] | None) -> list[str]:
    if row is None:
        return ["-"] * 7
    interval = "" if math.isnan(row["low"]) else f"\n{row['low']:g} to {row['high']:g}"
    told = told_apart(row["wins"], row["p_holm"])
    return [
        *(f"{row[name]:g}" for name in ("first_value", "second_value")),
        f"{row['difference']:g}{interval}",
        *(f"{row[name]:g}" for name in ("wins", "p", "p_holm")),
        f"{_SIGNS.get(told, '')}{told}",
    ]


def finding(rows: DataFrame, first: str, second: str) -> str:
    """On how many tasks the two differ, in words."""
    told = [told_apart(wins, p) for wins, p in zip(rows["wins"], rows["p_holm"], strict=True)]
    return (
        f"First: {short_name(first, 120)}. Second: {short_name(second, 120)}. Of {counted(len(told), 'task')} the "
        f"first is better beyond chance on {told.count(BETTER)}, worse on {told.count(WORSE)}."
    )


FIGURE = Figure(
    name="pairwise",
    title="One learner against another",
    reading=(
        (
            "First and second: interquartile means of the final metric, over the repetitions that all learners of a "
            "task have (↑ more is better, ↓ less is better); below their difference its 95 % bootstrap interval. "
            "First wins: how often a run of the first is the better one, 0.5 being a tie."
        ),
        (
            "p: an exact test on this task that exchanges runs with the same start; Holm: corrected for the pair's "
            "tasks, and below 0.05 the two are told apart, for which few repetitions do not suffice. Over all tasks "
            "together: see the probability of improvement."
        ),
    ),
    draw=draw,
    summary="two learners task by task: differences, intervals and exact tests",
    order=51,
)
