"""A leaderboard in words: aligned plain text for a terminal, how to read it, and the numbers' formats."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Collection, Mapping
from typing import Any

from nogd.report.figure import Comparison
from nogd.report.forms.remarks import LOST, lost_told, outside_told, without_scale
from nogd.report.forms.verdict import headline
from nogd.report.names import clean, counted, short_names
from nogd.report.numbers.formats import (
    interval_text,
    metric_interval_text,
    metric_text,
    number,
    score_text,
    time_text,
)
from nogd.report.numbers.leaderboard import Board, other_boards
from nogd.report.numbers.running_time import CAP, MOST
from nogd.report.numbers.tables import ResultsLike

_OF_TARGETS = ("hit", "time", "profile")
_OF_SCORES, _OF_METRIC = ("score", "interval"), ("metric", "range")
_TO_THE_LEFT = ("access", "interval", "range")
_BESIDE_SCORE = ("gap", "best")
_NAME, _SHORTEST_NAME = 24, 12
_DISPENSABLE = (
    *(
        "seconds",
        "forwards",
        "n/a",
        "overhead",
        "best",
        "gap",
        "profile",
        "time",
        "hit",
        "access",
        "interval",
        "range",
    ),
)
"""Columns that a narrow terminal goes without, the least important first."""


ROWS = 12
"""Of a leaderboard over a part of the tasks, where it has more than twice as many."""
MARK = "*"
"""Of a learner whose runs were asked for just now, beside others that were asked for before."""


def text_leaderboard(
    results: ResultsLike, width: int | None = None, asked: Collection[str] | None = None
) -> str:
    """The leaderboard as aligned plain text of at most `width` columns, and how to read it.

    width: that of the terminal where standard output is one, and never above 100. Where there is too little room
    the least important columns are left out. asked: ids of cells; where they are not all that is shown, learners with
    runs among them are marked.
    """
    comparison = Comparison.of(results)
    if comparison.runs.empty:
        return "No runs yet."
    if width is None:
        width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
    width = max(min(width, 100), 40)
    marked, told = _asked_for(comparison, asked)
    notes = [*_notes(comparison, comparison.board), told]
    lines = [*_lines(comparison.board, width, marked), "", *_wrapped(notes, width)]
    for board in other_boards(comparison):
        lines += ["", *_wrapped([f"{board.why}."], width), *_shortened(_lines(board, width, marked))]
    return "\n".join(lines)


def _shortened(lines: list[str]) -> list[str]:
    """A heading and the first rows, where there are so many that one would lose sight of the leaderboard above."""
    left = len(lines) - 1 - ROWS
    return lines if left <= ROWS else [*lines[: 1 + ROWS], f"    ... and {left} more, in the report"]


def _asked_for(comparison: Comparison, asked: Collection[str] | None) -> tuple[Collection[str], str]:
    """The learners to mark, and what their mark means; none where all that is shown was asked for."""
    runs = comparison.runs
    mine = runs[runs["id"].isin(set(asked or ()))]
    if asked is None or len(mine) == len(runs):
        return (), ""
    return set(mine["learner"]), (
        f"{MARK} asked for by this command: {len(mine):,} of the {counted(len(runs), 'run')} shown; the others were "
        "asked for before."
    )


def _wrapped(notes: list[str], width: int) -> list[str]:
    return [line for note in notes for line in textwrap.wrap(note, width - 2, break_on_hyphens=False)]


def _lines(board: Board, width: int, marked: Collection[str]) -> list[str]:
    rows = [{str(key): value for key, value in row.items()} for row in board.table.to_dict("records")]
    cells = [_cells(row) for row in rows]
    sizes = {column: max(len(column), *(len(each[column]) for each in cells)) for column in cells[0]}
    for column in _OF_SCORES if board.measures else _OF_METRIC:
        del sizes[column]
    for column in () if board.table["targets_hit"].notna().any() else _OF_TARGETS:
        del sizes[column]
    for column in () if board.table["gap"].notna().any() else _BESIDE_SCORE:
        del sizes[column]
    if not (board.table["access"] != "").any():
        del sizes["access"]
    name = max(map(len, ["learner", *short_names(board.table["learner"], _NAME)]))
    for column in _DISPENSABLE:
        if column in sizes and _length(sizes, name) > width:
            del sizes[column]
    name = max(min(name, name - _length(sizes, name) + width), _SHORTEST_NAME)
    names = short_names(board.table["learner"], name)
    lines = [_line("", "learner", dict(zip(sizes, sizes, strict=True)), sizes, name)]
    for place, (row, shown, each) in enumerate(zip(rows, names, cells, strict=True), start=1):
        mark = MARK if row["learner"] in marked else " "
        lines.append(_line(f"{place:>2}{mark}", shown, each, sizes, name))
    return lines


def _length(sizes: Mapping[str, int], name: int) -> int:
    return len(_line("", "", dict.fromkeys(sizes, ""), sizes, name))


def _line(place: str, learner: str, cells: Mapping[str, str], sizes: Mapping[str, int], name: int) -> str:
    """One line, of the columns that have a size."""
    told = f"{place:<3} {learner:<{name}}"
    for column, size in sizes.items():
        told += f"  {cells[column]:<{size}}" if column in _TO_THE_LEFT else f" {cells[column]:>{size}}"
    return told


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "access": row["access"] or "-",
        "score": score_text(row["score"]) + (LOST if row["lost"] else ""),
        "interval": interval_text(row["score_low"], row["score_high"]),
        "best": score_text(row["best_score"]),
        "gap": number(row["gap"], ".2f"),
        "metric": metric_text(row["metric"]),
        "range": metric_interval_text(row["metric_low"], row["metric_high"]),
        "rank": number(row["mean_rank"], ".2f"),
        "hit": number(row["targets_hit"], ".0%"),
        "time": time_text(row["relative_time"], row["unsolved"]),
        "profile": number(row["profile"], ".2f"),
        "failed": str(row["failures"]),
        "n/a": str(row["not_applicable"]),
        "forwards": number(row["forwards"], ",.0f"),
        "seconds": number(row["seconds"], ".3g"),
        "overhead": number(row["overhead"], ".0%"),
    }


def _notes(comparison: Comparison, board: Board) -> list[str]:
    missing = int(comparison.meta.get("missing") or 0)
    failures = int(board.table["failures"].sum())
    named = ", ".join(map(clean, board.below_minimum))
    return [
        headline(comparison),
        _measure_told(comparison, board),
        f"{board.interval}.",
        _beside_told(board),
        _targets_told(board),
        without_scale(comparison, board),
        "UNEQUAL COST: learners had different budgets, so there are no ranks." if board.unequal else "",
        f"Unfinished: {counted(missing, 'planned run')} still missing." if missing else "",
        f"{failures} of {counted(len(comparison.runs), 'run')} failed; each takes the last place in its ranks."
        if failures
        else "",
        f"Scores no higher than that of {board.minimum_baseline}: {named}." if named else "",
        lost_told(board),
        outside_told(board),
    ]


def _measure_told(comparison: Comparison, board: Board) -> str:
    """What the learners are ordered by."""
    mean = f"interquartile mean, {_scope(comparison, board)}"
    if not board.measures:
        return f"Score: 0 = best constant predictor, 1 = frozen reference; {mean}."
    runs = comparison.runs[comparison.runs["task"].isin(board.tasks)]
    constant = (
        metric_text(float(runs["constant"].dropna().iloc[0])) if runs["constant"].notna().any() else "unknown"
    )
    where = "test" if (runs["has_split"] > 0).any() else "training"
    name = runs["metric_name"].dropna().iloc[0]
    return f"Metric: {name} on {where} data ({constant} = best constant predictor); {mean}."


def _beside_told(board: Board) -> str:
    """How to read what stands beside a score; empty where there is none."""
    if board.table["gap"].isna().all():
        return ""
    return "Gap: mean distance to a score of 1, failures included. Best: score at each run's best validation point."


def _targets_told(board: Board) -> str:
    """How to read the columns on targets; empty where there are none."""
    if board.table["targets_hit"].isna().all():
        return ""
    marked = (
        f"; > some target was never reached and counts as {CAP:.0f} budgets"
        if (board.table["unsolved"] > 0).any()
        else ""
    )
    return (
        f"Hit: share of frozen targets reached. Time to a target: 1 = the frozen reference, less is faster{marked}. "
        f"Profile: 1 = always the fastest, 0 = never within {MOST:.0f} times the fastest."
    )


def _scope(comparison: Comparison, board: Board) -> str:
    repetitions = counted(board.repetitions, "repetition")
    if not board.common:
        return f"over own tasks and {repetitions}"
    some, every = len(board.tasks), len(comparison.tasks)
    tasks = counted(every, "task") if some == every else f"the {some} of {every} tasks that all have runs on"
    return f"over {repetitions} of {tasks}"
