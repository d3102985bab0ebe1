"""Who ranks where on which task: mean rank within each task as a heat map."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import WIDTH, label_width, new_canvas, place_axes
from nogd.report.drawing.cells import GOOD, draw_cells, name_cells, room_for_columns
from nogd.report.drawing.style import Look, looks_of
from nogd.report.figure import Comparison, Drawn, Figure
from nogd.report.names import counted, listed, short_name, short_names
from nogd.report.numbers.finals import NOT_APPLICABLE
from nogd.report.numbers.groups import unequal_budgets
from nogd.report.numbers.ranking import task_ranks

ROW, COLUMN = 0.23, 0.31
_NAME = 20
UNEQUAL = "Budgets differ, so there are no ranks."
ALONE = "No two learners have a repetition of one task in common, so there are no ranks."


def draw(comparison: Comparison) -> Drawn | str:
    """One heat map, or why there is none."""
    table = _table(comparison)
    if isinstance(table, str):
        return table
    look = looks_of(comparison, _NAME)
    labels = [look[learner].label for learner in table.index]
    names = short_names(table.columns, _NAME)
    left, (above, right) = label_width(labels), room_for_columns(names, COLUMN)
    width = max(WIDTH, left + right + COLUMN * len(names))
    canvas = new_canvas(above + ROW * len(labels) + 0.05, width)
    _panel(place_axes(canvas, left, right, above, 0.05), comparison, table, look)
    return Drawn(canvas, task_ranks(comparison), _finding(table))


def draw_on(axes: Axes, comparison: Comparison) -> None:
    """The same on given axes."""
    table = _table(comparison)
    if isinstance(table, str):
        raise UserError(table)
    _panel(axes, comparison, table, looks_of(comparison, _NAME))


def _table(comparison: Comparison) -> DataFrame | str:
    """Mean ranks, learner x task, learners in the order of the leaderboard; a sentence where there are none."""
    if unequal_budgets(comparison.runs, comparison.settings):
        return UNEQUAL
    found = task_ranks(comparison)
    found = found[found["of"] > 1]
    if found.empty:
        return ALONE
    order = [learner for learner in comparison.board.table["learner"] if learner in set(found["learner"])]
    return found.pivot(index="learner", columns="task", values="rank").reindex(index=order)


def _panel(axes: Axes, comparison: Comparison, table: DataFrame, look: Mapping[str, Look]) -> None:
    ranks = table.to_numpy(dtype=float)
    most = task_ranks(comparison).drop_duplicates("task").set_index("task")["of"].reindex(table.columns)
    worst = np.maximum(most.to_numpy(dtype=float) - 1, 1)
    refused = _refused(comparison)
    texts = [
        [
            _text(rank, (learner, task) in refused, len(table))
            for task, rank in zip(table.columns, line, strict=True)
        ]
        for learner, line in zip(table.index, ranks, strict=True)
    ]
    draw_cells(axes, (ranks - 1) / worst, texts, GOOD)
    name_cells(axes, [look[learner].label for learner in table.index], short_names(table.columns, _NAME))


def _text(rank: float, refused: bool, learners: int) -> str:
    if math.isnan(rank):
        return "n/a" if refused else "-"
    return f"{rank:.0f}" if learners > 10 else f"{rank:.1f}".removesuffix(".0")


def _refused(comparison: Comparison) -> set[tuple[str, str]]:
    rows = comparison.runs[comparison.runs["status"] == NOT_APPLICABLE]
    return set(zip(rows["learner"], rows["task"], strict=True))


def _finding(table: DataFrame) -> str:
    lowest = table.eq(table.min(axis=0), axis="columns")
    firsts = lowest.sum(axis=1).sort_values(ascending=False, kind="stable")
    told = listed([f"{short_name(name)} on {count}" for name, count in firsts[firsts > 0].items()], 4)
    blank = int(table.isna().to_numpy().sum())
    left_out = (
        f" {blank} of {table.size} cells have no rank: not applicable, or no runs yet." if blank else ""
    )
    return f"Lowest mean rank, of {counted(table.shape[1], 'task')}: {told} (ties count for each).{left_out}"


FIGURE = Figure(
    name="rank-heat-map",
    title="Ranks, task by task",
    reading=(
        (
            "A number is a learner's mean rank on a task over repetitions, by the metric on test data (training data "
            "where the task has no split): 1 is the best, darker is better."
        ),
        (
            "A failed run takes the last rank. Hatched: not applicable, and left out of that task's ranks. A rank says "
            "nothing about how far apart two learners are."
        ),
    ),
    draw=draw,
    summary="mean rank of every learner on every task",
    order=40,
    draw_on=draw_on,
)
