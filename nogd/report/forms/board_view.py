"""A leaderboard as the page shows it: for each column a text to read and a number to sort by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from nogd.plugins.access import ACCESS
from nogd.report.figure import Comparison
from nogd.report.forms.remarks import LOST
from nogd.report.names import short_name
from nogd.report.numbers.formats import (
    interval_text,
    metric_interval_text,
    metric_text,
    number,
    score_text,
    time_text,
)
from nogd.report.numbers.leaderboard import Board, task_board

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Column:
    """One column: `key` is the Board's, `best` says whether the smallest or the largest comes first when sorted."""

    key: str
    heading: str
    meaning: str
    text: Callable[[Row], str]
    best: str = "ascending"
    number: Callable[[Row], object] | None = None
    """What it is sorted by, the Board's own number if not given."""
    always: bool = True
    """Shown even where all values are missing or zero."""
    spare: bool = False
    """The page hides it where it has too little room for all."""


@dataclass(frozen=True)
class BoardCell:
    """A column's text for one learner, and the number behind it; None where there is none."""

    text: str
    value: float | None


def _formatted(key: str, form: str) -> Callable[[Row], str]:
    return lambda row: number(float(row[key]), form)


def _interval(row: Row) -> str:
    return interval_text(row["score_low"], row["score_high"])


def _range(row: Row) -> str:
    return metric_interval_text(row["metric_low"], row["metric_high"])


def _relative_time(row: Row) -> str:
    return time_text(row["relative_time"], row["unsolved"])


COLUMNS: tuple[Column, ...] = (
    Column(
        "score",
        "score",
        "test metric: 0 = best constant predictor, 1 = frozen reference",
        lambda row: score_text(row["score"]) + (LOST if row["lost"] else ""),
        "descending",
    ),
    Column("score_low", "interval", "how far the score moves with other starts", _interval, "descending"),
    Column(
        "best_score",
        "best",
        "the score where each run's validation loss was lowest",
        lambda row: score_text(row["best_score"]),
        "descending",
        always=False,
    ),
    Column(
        "gap",
        "gap",
        "optimality gap: mean distance to a score of 1, failures counting as 0",
        _formatted("gap", ".2f"),
        always=False,
    ),
    Column(
        "metric",
        "metric",
        "the metric by which runs are judged, as the task has no scale for scores",
        lambda row: metric_text(row["metric"]),
        "descending",
        always=False,
    ),
    Column(
        "metric_low",
        "range",
        "how far the metric moves between repetitions",
        _range,
        "descending",
        always=False,
    ),
    Column(
        "mean_rank", "rank", "mean rank, 1 = first everywhere", _formatted("mean_rank", ".2f"), always=False
    ),
    Column(
        "targets_hit",
        "targets",
        "share of the frozen targets reached",
        _formatted("targets_hit", ".0%"),
        "descending",
        always=False,
    ),
    Column(
        "relative_time",
        "time",
        "forwards to a target, 1 = frozen reference, less is faster; > some never reached",
        _relative_time,
        always=False,
    ),
    Column(
        "profile",
        "profile",
        "height of the performance profile, 1 = always the fastest",
        _formatted("profile", ".2f"),
        "descending",
        always=False,
    ),
    Column(
        "failures",
        "failed",
        f"runs that failed; {LOST} beside a score: all runs on some task",
        _formatted("failures", ".0f"),
    ),
    Column(
        "not_applicable",
        "n/a",
        "runs that the learner cannot do",
        _formatted("not_applicable", ".0f"),
        always=False,
        spare=True,
    ),
    Column("forwards", "forwards", "spent by a run on average", _formatted("forwards", ",.0f")),
    Column("seconds", "seconds", "taken by a run on average", _formatted("seconds", ".3g")),
    Column(
        "access",
        "access",
        "the strongest look that a run took: " + ", ".join(ACCESS) + "; a fair rival takes no stronger one",
        lambda row: row["access"] or "-",
        number=lambda row: ACCESS.index(row["access"]) if row["access"] else math.nan,
        always=False,
    ),
    Column(
        "overhead",
        "overhead",
        "share of the time outside of scoring",
        _formatted("overhead", ".0%"),
        spare=True,
    ),
    Column("runs", "runs", "runs that count", _formatted("runs", ".0f"), "descending", always=False),
)


_OF_SCORES = ("score", "score_low")


def columns_of(board: Board) -> list[Column]:
    """The columns that this leaderboard has something to say in."""
    told = [column for column in COLUMNS if column.key in board.table]
    if board.measures:
        told = [column for column in told if column.key not in _OF_SCORES]
    return [column for column in told if column.always or _says(board, column)]


def _says(board: Board, column: Column) -> bool:
    if column.key == "runs":  # all learners have as many, where nothing is missing
        return bool((board.table["runs"] + board.table["not_applicable"]).nunique() > 1)
    return bool((~board.table[column.key].fillna(0).isin([0, ""])).any())


def cells(row: Row, columns: Sequence[Column]) -> list[BoardCell]:
    """One learner's row."""
    return [
        BoardCell(column.text(row), _finite((column.number or itemgetter(column.key))(row)))
        for column in columns
    ]


def task_rows(comparison: Comparison, board: Board) -> dict[str, Any]:
    """What the page's filter shows for one task alone: the tasks' names, and each one's cells by learner.

    Learners and columns are in the leaderboard's order; a learner without a run on a task has None.
    """
    columns = columns_of(board)
    learners = list(board.table["learner"])
    return {
        "tasks": [short_name(task, 60) for task in comparison.tasks],
        "rows": [_task_cells(task_board(comparison, task), learners, columns) for task in comparison.tasks],
    }


def _task_cells(board: Board, learners: Sequence[str], columns: Sequence[Column]) -> list[list[Any] | None]:
    told: dict[str, list[Any]] = {}
    for place, row in enumerate(board.table.to_dict("records"), start=1):
        texts = [[cell.text, cell.value] for cell in cells(row, columns)]
        told[str(row["learner"])] = [[str(place), place], *texts]
    return [told.get(learner) for learner in learners]


def _finite(value: object) -> float | None:
    found = float(str(value))
    return float(f"{found:.6g}") if math.isfinite(found) else None
