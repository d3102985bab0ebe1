"""Train against test: how much better a learner does on the data that it saw than on data that it did not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import (
    WIDTH,
    heading,
    label_width,
    linear_values,
    name_rows,
    new_canvas,
    numbers_at_right,
    numbers_width,
    place_axes,
    plain,
)
from nogd.report.drawing.style import PAPER, Look, looks_of
from nogd.report.drawing.svg import named
from nogd.report.figure import Comparison, Drawn, Figure, choice
from nogd.report.names import listed, short_name
from nogd.report.numbers.finals import FAILED, applicable, numbers
from nogd.report.numbers.statistics import FloatArray, interquartile_mean

ROW, NARROW_ROW, NARROWEST = 0.25, 0.19, 1.7
MANY = 14
NONE = "No task here has test data apart from the training data, so over-fitting cannot be seen."


def draw(comparison: Comparison) -> list[Drawn] | str:
    """One drawing per task that has a split, the best on test data on top."""
    look = looks_of(comparison)
    table = gaps(comparison)
    return [
        _drawn(str(task), part.reset_index(drop=True), look) for task, part in table.groupby("task")
    ] or NONE


def draw_on(axes: Axes, comparison: Comparison, *, task: str | None = None) -> None:
    """One task's panel on given axes."""
    table = gaps(comparison)
    if table.empty:
        raise UserError(NONE)
    chosen = choice("task", task, sorted(table["task"].unique()))
    _plot(axes, table[table["task"] == chosen].reset_index(drop=True), looks_of(comparison))


def gaps(comparison: Comparison) -> DataFrame:
    """Interquartile means over the runs that ended well: training and test metric, and the gap between the two.

    `gap` is how much better the training metric is, in the metric's units; runs that failed have no end to look at.
    """
    runs = applicable(comparison.runs)
    runs = runs[(numbers(runs, "has_split") > 0) & ~runs["status"].isin(FAILED)]
    known = np.isfinite(numbers(runs, "metric")) & np.isfinite(numbers(runs, "test_metric"))
    rows = []
    for (task, learner), part in runs[known].groupby(["task", "learner"], sort=True):
        greater = bool(numbers(part, "metric_greater")[0])
        train, test = numbers(part, "metric"), numbers(part, "test_metric")
        gap = float(interquartile_mean(train - test if greater else test - train))
        means = float(interquartile_mean(train)), float(interquartile_mean(test))
        name = str(part["metric_name"].iloc[0])
        rows.append((task, learner, name, greater, *means, gap, part["constant"].iloc[0], len(part)))
    columns = ["task", "learner", "metric", "greater_is_better", "train", "test", "gap", "constant", "runs"]
    table = DataFrame(rows, columns=columns)
    loss = np.where(table["greater_is_better"].astype(bool), -table["test"], table["test"])
    return table.assign(loss=loss).sort_values(["task", "loss", "learner"]).drop(columns="loss")


def _drawn(task: str, table: DataFrame, look: Mapping[str, Look]) -> Drawn:
    labels = [look[learner].label for learner in table["learner"]]
    left, row = label_width(labels), ROW if len(table) <= MANY else NARROW_ROW
    right = numbers_width(_ends(table))
    canvas = new_canvas(0.62 + row * len(table), max(WIDTH, left + NARROWEST + right))
    _plot(place_axes(canvas, left, right, 0.3, 0.28), table, look)
    return Drawn(canvas, table, _finding(task, table), title=task)


def _plot(axes: Axes, table: DataFrame, look: Mapping[str, Look]) -> None:
    low, high = view(table)
    name_rows(axes, [look[learner].label for learner in table["learner"]])
    for place, row in enumerate(table.to_dict("records")):
        ends = np.clip([row["train"], row["test"]], low, high)
        named(_row(axes, place, ends, look[row["learner"]]), row["learner"])
    margin = 0.05 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    linear_values(axes, "x")
    numbers_at_right(axes, _ends(table))
    way = "higher" if table["greater_is_better"].iloc[0] else "lower"
    heading(axes, f"{short_name(table['metric'].iloc[0], 16)}, ○ training to ● test ({way} is better)")


def _ends(table: DataFrame) -> list[str]:
    """The test value, with what training was better; next to values around 1 a thousandth is nothing."""
    places = 3 if table["test"].abs().max() >= 0.1 else 12
    return [
        f"{plain(round(row['test'], places))} ({_signed(row['gap'])})" for row in table.to_dict("records")
    ]


def _row(axes: Axes, place: int, ends: FloatArray, look: Look) -> list[Line2D]:
    train, test = map(float, ends)
    line = axes.plot([train, test], [place, place], color=look.colour, linewidth=2.2, alpha=0.45)
    marked: dict[str, Any] = {"color": look.colour, "marker": "o", "markersize": 6, "linestyle": "none"}
    first = axes.plot([train], [place], **marked, markerfacecolor=PAPER, markeredgewidth=1.4)
    return [*line, *first, *axes.plot([test], [place], **marked)]


def view(table: DataFrame) -> tuple[float, float]:
    """Limits around the better half; whoever is far beyond the constant predictor is drawn at the edge."""
    values = table[["train", "test"]].to_numpy(dtype=float)
    greater = bool(table["greater_is_better"].iloc[0])
    best = values.max() if greater else values.min()
    constant = float(table["constant"].iloc[0])
    level = constant if np.isfinite(constant) else float(np.median(values))
    span = max(abs(best - level), 1e-9 * max(abs(best), 1.0))
    edge = level - 0.5 * span if greater else level + 0.5 * span
    inside = np.clip(values, edge, None) if greater else np.clip(values, None, edge)
    low, high = float(inside.min()), float(inside.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _signed(gap: float) -> str:
    size = abs(gap)
    told = f"{size:.2f}" if size < 9.995 else plain(size)
    return f"{'+' if gap >= 0 else '-'}{told}"


def _finding(task: str, table: DataFrame) -> str:
    widest = table.iloc[int(table["gap"].to_numpy().argmax())]
    best = table.iloc[0]
    tied = [short_name(name) for name in table.loc[table["test"] == best["test"], "learner"]]
    said = f"{short_name(best['metric'])} on {short_name(task)}: "
    if len(tied) > 1:
        said += f"tied for the best on test data, {plain(best['test'])}: {listed(tied, 3)}."
    else:
        said += f"{tied[0]} is best on test data, {plain(best['test'])}, with {plain(best['train'])} on training data."
    if widest["gap"] <= 0:
        return f"{said} No learner does better on training data than on test data."
    return f"{said} {short_name(widest['learner'])} has the widest gap, {plain(widest['gap'])} better on training data."


FIGURE = Figure(
    name="train-test",
    title="Train against test",
    reading=(
        (
            "From the metric on training data (open) to the same metric on test data (full) at the end of the budget, "
            "interquartile means over repetitions. On the right: the test value, and how much better training was."
        ),
        (
            "A long line is over-fitting: what was learnt does not generalise. A short one does not say which learner "
            "is better: the full points do. A point at the edge lies beyond it; runs that failed are left out here."
        ),
    ),
    draw=draw,
    summary="metric on training data against test data, per task",
    order=52,
    draw_on=draw_on,
)
