"""The one picture beside the leaderboard: every learner's normalised score and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import (
    heading,
    label_width,
    linear_values,
    new_canvas,
    numbers_at_right,
    numbers_width,
    place_axes,
)
from nogd.report.drawing.style import INK, MUTED, Look, looks_of
from nogd.report.drawing.svg import named
from nogd.report.figure import Comparison, Drawn, Figure
from nogd.report.names import counted, short_name
from nogd.report.numbers.formats import interval_text, score_text
from nogd.report.numbers.verdict import LEADS, NO_TEST, Verdict

ROW, NARROW_ROW = 0.27, 0.19
FARTHEST = (-1.0, 3.0)
"""Who is beyond is drawn there."""
MANY = 14
"""With more learners rows are narrow: the picture is to fit on a screen."""

NO_SCALE = (
    "No task here has a scale for scores: a frozen reference that is better than the constant predictor."
)


def draw(comparison: Comparison) -> Drawn | str:
    """Points with intervals, best on top, or why there are none."""
    table = _scored(comparison)
    if table.empty:
        return NO_SCALE
    look = looks_of(comparison)
    canvas = new_canvas(0.75 + (ROW if len(table) <= MANY else NARROW_ROW) * len(table))
    labels = [look[learner].label for learner in table["learner"]]
    right = numbers_width(_numbers(table))
    _panel(place_axes(canvas, label_width(labels), right, 0.3, 0.42), table, look)
    return Drawn(
        canvas,
        table[["learner", "score", "score_low", "score_high"]],
        _finding(table, comparison.verdict),
    )


def draw_on(axes: Axes, comparison: Comparison) -> None:
    """The same on given axes."""
    table = _scored(comparison)
    if table.empty:
        raise UserError(NO_SCALE)
    _panel(axes, table, looks_of(comparison))


def _scored(comparison: Comparison) -> DataFrame:
    table = comparison.board.table
    return table[table["score"].notna()].reset_index(drop=True)


def _panel(axes: Axes, table: DataFrame, look: Mapping[str, Look]) -> None:
    _plot(axes, table, look)
    _label(axes, table, [look[learner].label for learner in table["learner"]])


def _plot(axes: Axes, table: DataFrame, look: Mapping[str, Look]) -> None:
    low, high = view(table)
    for level in (0.0, 1.0):
        axes.axvline(level, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    for place, row in enumerate(table.to_dict("records")):
        style = look[row["learner"]]
        colour, ends = style.colour, [row["score_low"], row["score_high"]]
        drawn = axes.plot(ends, [place, place], color=colour, linewidth=2.2, alpha=0.5)
        at = float(np.clip(row["score"], *FARTHEST))
        drawn += axes.plot([at], [place], color=colour, marker=style.marker, markersize=6.5, clip_on=False)
        named(drawn, row["learner"])
    axes.set_xlim(low, high)


def _label(axes: Axes, table: DataFrame, labels: list[str]) -> None:
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_yticks(range(len(table)), labels, color=INK)
    axes.grid(visible=False, axis="y")
    linear_values(axes, "x")
    axes.set_xlabel("0 = constant predictor, 1 = reference", labelpad=3)
    heading(axes, "normalised score (further right is better)")
    numbers_at_right(axes, _numbers(table))


def _numbers(table: DataFrame) -> list[str]:
    return [score_text(score) for score in table["score"]]


def view(table: DataFrame) -> tuple[float, float]:
    """Limits around all scores and both levels; a learner far below 0 is drawn at the edge."""
    shown = table[["score", "score_low", "score_high"]].clip(*FARTHEST)
    low, high = min(0.0, *shown.min().dropna()), max(1.0, *shown.max().dropna())
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def _finding(table: DataFrame, verdict: Verdict) -> str:
    first = table.iloc[0]
    said = f"{short_name(first['learner'])} has the highest normalised score, {score_text(first['score'])}"
    if pd.notna(first["score_low"]):
        said += f" (interval {interval_text(first['score_low'], first['score_high'])}{_sure(verdict)})"
    if len(table) == 1:
        return f"{said}."
    last = table.iloc[-1]
    return f"{said}; {short_name(last['learner'])} the lowest of {len(table)}, {score_text(last['score'])}."


def _sure(verdict: Verdict) -> str:
    if verdict.kind == LEADS:
        return ", ahead of all others beyond chance"
    if verdict.rivals and verdict.kind != NO_TEST:
        return f", not told apart from {counted(len(verdict.rivals), 'other')}"
    return ", too few runs to tell whether by chance" if verdict.kind == NO_TEST else ""


FIGURE = Figure(
    name="scores",
    title="Normalised score",
    reading=(
        (
            "A point is the interquartile mean, over tasks and repetitions, of how far a learner got from the best "
            "constant predictor (0) to the frozen reference (1)."
        ),
        (
            "The bar is its interval, over starts and random streams, not over other splits of the data. Learners "
            "share starts, so that a test of pairs tells whether two differ (the verdict above), not the overlap of "
            "their bars. A point at the edge lies beyond it; its number is exact."
        ),
    ),
    draw=draw,
    summary="normalised score of every learner, with its interval",
    order=0,
    draw_on=draw_on,
)
