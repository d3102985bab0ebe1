"""Bar chart of the training loss that every learner ended with, one drawing per task."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import (
    heading,
    label_width,
    linear_values,
    log_values,
    name_rows,
    new_canvas,
    numbers_at_right,
    numbers_width,
    place_axes,
    plain,
)
from nogd.report.drawing.style import INK, Look, looks_of
from nogd.report.drawing.svg import named
from nogd.report.figure import Comparison, Drawn, Figure, choice
from nogd.report.names import counted, listed, short_name
from nogd.report.numbers.statistics import band, interquartile_mean

BoolArray = NDArray[np.bool_]
ROW = 0.25
MANY, _DOTS, _SPREAD = 14, 100, 0.24
"""With more learners single runs are left out; how many are drawn; how far they are from the middle of their row."""
NO_LOSS = "No run here has left a training loss that is a number."


def draw(comparison: Comparison) -> list[Drawn] | str:
    """One drawing per task, the lowest loss on top, or why there is none."""
    look = looks_of(comparison)
    return [_drawn(task, finals, look) for task, finals in _by_task(comparison).items()] or NO_LOSS


def draw_on(axes: Axes, comparison: Comparison, *, task: str | None = None) -> None:
    """One task's on given axes."""
    found = _by_task(comparison)
    if not found:
        raise UserError(NO_LOSS)
    task = choice("task", task, list(found))
    _plot(axes, summary(task, found[task]), found[task], looks_of(comparison))


def _by_task(comparison: Comparison) -> dict[str, DataFrame]:
    """The runs of each task that have left a loss."""
    finals = comparison.finals
    finals = finals[np.isfinite(finals["loss"].to_numpy(dtype=float))]
    return {str(task): rows for task, rows in finals.groupby("task", sort=True)}


def summary(task: str, finals: DataFrame) -> DataFrame:
    """Interquartile mean of the final training loss with its band, one row per learner, the lowest first."""
    rows = []
    for learner, part in finals.groupby("learner"):
        values = part["loss"].to_numpy(dtype=float)
        rng = np.random.default_rng(zlib.crc32(f"{task}/{learner}".encode()))
        low, high = band(values[:, None], rng=rng)
        rows.append(
            (
                task,
                learner,
                float(interquartile_mean(values)),
                low[0],
                high[0],
                len(values),
                int(part["failed"].sum()),
            )
        )
    columns = ["task", "learner", "loss", "low", "high", "runs", "failures"]
    return DataFrame(rows, columns=columns).sort_values(["loss", "learner"]).reset_index(drop=True)


def _drawn(task: str, finals: DataFrame, look: Mapping[str, Look]) -> Drawn:
    table = summary(task, finals)
    labels = [look[learner].label for learner in table["learner"]]
    canvas = new_canvas(0.62 + ROW * len(table))
    right = numbers_width([plain(loss) for loss in table["loss"]])
    axes = place_axes(canvas, label_width(labels), right, 0.3, 0.28)
    _plot(axes, table, finals, look)
    return Drawn(canvas, table, _finding(task, table), title=task)


def _plot(axes: Axes, table: DataFrame, finals: DataFrame, look: Mapping[str, Look]) -> None:
    beyond = _beyond(table)
    shown = table[~beyond]
    if shown["low"].min() > 0 and shown["high"].max() / shown["low"].min() > 20:
        _points(axes, shown, look)
    else:
        _bars(axes, shown, look)
    if len(table) <= MANY:
        _single_runs(axes, shown, finals)
    name_rows(axes, [look[learner].label for learner in table["learner"]])
    numbers_at_right(axes, [plain(loss) for loss in table["loss"]])
    for place in np.flatnonzero(beyond):
        axes.text(
            0.99,
            float(place),
            "off the axis \u2192",
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
            color=INK,
            fontsize=8,
        )


def _beyond(table: DataFrame) -> BoolArray:
    """Which learners have failed runs that would flatten all the others: they get their number alone."""
    sound = table.loc[table["failures"] == 0, "high"]
    ceiling = 20 * sound.max() if len(sound) else np.inf
    return np.asarray((table["failures"] > 0) & (table["loss"] > ceiling), dtype=bool)


def _bars(axes: Axes, table: DataFrame, look: Mapping[str, Look]) -> None:
    colours = [look[learner].colour for learner in table["learner"]]
    bars = axes.barh(table.index, table["loss"], height=0.62, color=colours, linewidth=0)
    for bar, learner in zip(bars, table["learner"], strict=True):
        named([bar], learner)
    _intervals(axes, table)
    linear_values(axes, "x")
    heading(axes, "final training loss (shorter is better)")


def _points(axes: Axes, table: DataFrame, look: Mapping[str, Look]) -> None:
    """Decades apart a bar's length means nothing, since a log axis has no zero: points instead."""
    for place, row in zip(table.index, table.to_dict("records"), strict=True):
        style = look[row["learner"]]
        named(
            axes.plot([row["loss"]], [place], color=style.colour, marker=style.marker, markersize=6.5),
            row["learner"],
        )
    _intervals(axes, table)
    log_values(axes, "x")
    heading(axes, "final training loss, log scale (further left is better)")


def _single_runs(axes: Axes, table: DataFrame, finals: DataFrame) -> None:
    """A dot a run, one below the other by repetition; it does not move the axis, at whose edge it may lie."""
    edges = axes.get_xlim()
    low, high = min(edges), max(edges)
    for place, learner in zip(table.index, table["learner"], strict=True):
        rows = finals[finals["learner"] == learner].sort_values("repetition")[:_DOTS]
        losses = np.clip(rows["loss"].to_numpy(dtype=float), low, high)
        heights = place + np.linspace(-_SPREAD, _SPREAD, len(losses)) * (len(losses) > 1)
        dots = axes.plot(
            losses, heights, color=INK, marker=".", markersize=3.2, linestyle="none", alpha=0.6, zorder=4
        )
        named(dots, learner, runs=map(str, rows["id"]))
    axes.set_xlim(edges)


def _intervals(axes: Axes, table: DataFrame) -> None:
    axes.hlines(table.index, table["low"], table["high"], color=INK, linewidth=1.1, zorder=3)


def _finding(task: str, table: DataFrame) -> str:
    losses = [f"{short_name(row['learner'])} {plain(row['loss'])}" for row in table.to_dict("records")]
    failed = int(table["failures"].sum())
    told = f" With {counted(failed, 'failed run')}, by the last loss that was known." if failed else ""
    return f"Final training loss on {short_name(task)}, lowest first: {listed(losses, 5)}.{told}"


FIGURE = Figure(
    name="final-losses",
    title="Final training losses",
    reading=(
        (
            "A bar (or a point, where losses span decades) is the interquartile mean over repetitions of the training "
            "loss of a learner's final recommendation; its value is on the right."
        ),
        (
            "The thin line runs from the lowest to the highest run (from 10 repetitions on: a 95 % bootstrap "
            "interval); a dot is a run (of at most 14 learners, the first 100 each), and a click on it tells all about "
            "that run. A low training loss does not imply a good score on test data: compare with the tables above."
        ),
    ),
    draw=draw,
    summary="final training loss of every learner",
    order=56,
    draw_on=draw_on,
)
