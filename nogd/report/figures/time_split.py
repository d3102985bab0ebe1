"""What the time of a run goes to: scoring candidates, the learner's own work, and measuring off the clock."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import (
    WIDTH,
    heading,
    label_width,
    legend_below,
    legend_height,
    linear_values,
    name_rows,
    new_canvas,
    numbers_at_right,
    numbers_width,
    place_axes,
    plain,
)
from nogd.report.drawing.style import GREY, Look, looks_of
from nogd.report.drawing.svg import named
from nogd.report.figure import Comparison, Drawn, Figure
from nogd.report.names import counted, short_name
from nogd.report.numbers.finals import applicable, finite
from nogd.report.numbers.hosts import on_one_clock

ROW, NARROWEST = 0.25, 1.5
_PARTS = {"scoring": "scoring", "own_work": "own work", "measuring": "measuring"}
_PALE = 0.4
NO_TIMES = "No run here knows how long it took."


def draw(comparison: Comparison) -> Drawn | str:
    """A bar a learner, the quickest on top, or why there is none."""
    table = split(comparison)
    if table.empty:
        return NO_TIMES
    look = looks_of(comparison)
    labels = [look[learner].label for learner in table["learner"]]
    handles = _handles()
    below = legend_height([str(each.get_label()) for each in handles])
    left, right = label_width(labels), numbers_width(_numbers(table))
    canvas = new_canvas(0.3 + ROW * len(table) + 0.26 + below, max(WIDTH, left + NARROWEST + right))
    _panel(place_axes(canvas, left, right, 0.3, 0.26 + below), table, look)
    legend_below(canvas, handles)
    return Drawn(canvas, table, _finding(comparison, table))


def draw_on(axes: Axes, comparison: Comparison) -> None:
    """The same on given axes."""
    table = split(comparison)
    if table.empty:
        raise UserError(NO_TIMES)
    _panel(axes, table, looks_of(comparison))


def split(comparison: Comparison) -> DataFrame:
    """Mean seconds per run of each part, one row per learner, the quickest first.

    Over the tasks that all compared learners can do, where there are such. `lost`: runs whose process is gone and
    which are left out, since how they spent their time is unknown.
    """
    runs = on_one_clock(comparison, applicable(comparison.runs))
    if comparison.board.common:
        runs = runs[runs["task"].isin(comparison.board.tasks)]
    seconds, own = finite(runs, "seconds"), finite(runs, "overhead_seconds")
    runs = runs.assign(scoring=seconds - own, own_work=own, measuring=finite(runs, "measure_seconds"))
    known = np.isfinite(runs[list(_PARTS)].to_numpy(dtype=float)).all(axis=1)
    lost = runs[~known].groupby("learner").size()
    table = runs[known].groupby("learner")[list(_PARTS)].mean()
    table = table.assign(total=table.sum(axis=1), runs=runs[known].groupby("learner").size())
    table["lost"] = lost.reindex(table.index).fillna(0).astype(int)
    ordered: DataFrame = table.reset_index().sort_values(["total", "learner"], kind="stable")
    return ordered.reset_index(drop=True)


def _panel(axes: Axes, table: DataFrame, look: Mapping[str, Look]) -> None:
    for place, row in enumerate(table.to_dict("records")):
        _bar(axes, place, row, look[row["learner"]])
    name_rows(axes, [look[learner].label for learner in table["learner"]])
    axes.set_xlim(0, float(table["total"].max()) * 1.02 or 1.0)
    linear_values(axes, "x")
    heading(axes, "seconds per run (shorter is quicker)")
    numbers_at_right(axes, _numbers(table))


def _numbers(table: DataFrame) -> list[str]:
    totals = zip(table["total"].astype(float), _own_shares(table), strict=True)
    return [f"{_seconds(total)}, own {share:.0%}" for total, share in totals]


def _bar(axes: Axes, place: int, row: Mapping[Hashable, Any], look: Look) -> None:
    """Scoring in full, own work pale, measuring as an outline: it is the harness's, and no learner pays for it."""
    start = 0.0
    styles: tuple[dict[str, Any], ...] = (
        {"color": look.colour, "linewidth": 0},
        {"color": look.colour, "linewidth": 0, "alpha": _PALE},
        {"facecolor": "none", "edgecolor": GREY, "linewidth": 0.8},
    )
    for part, style in zip(_PARTS, styles, strict=True):
        bars = axes.barh([place], [row[part]], left=[start], height=0.62, **style)
        named(bars, row["learner"], f"{look.label}: {_PARTS[part]}, {_seconds(row[part])}")
        start += row[part]


def _handles() -> list[Patch]:
    scoring, own, measuring = _PARTS.values()
    return [
        Patch(facecolor=GREY, linewidth=0, label=scoring),
        Patch(facecolor=GREY, linewidth=0, alpha=_PALE, label=own),
        Patch(facecolor="none", edgecolor=GREY, linewidth=0.8, label=measuring),
    ]


def _seconds(value: float) -> str:
    if value < 0.0995:
        return f"{value:.2g} s"
    return f"{value:.2f} s" if value < 99.995 else f"{plain(round(value))} s"


def _own_shares(table: DataFrame) -> list[float]:
    """Of what a learner is charged with, what it spent on itself."""
    clocked = (table["scoring"] + table["own_work"]).clip(lower=1e-12)
    return [float(share) for share in table["own_work"] / clocked]


def _finding(comparison: Comparison, table: DataFrame) -> str:
    quickest, slowest = table.iloc[0], table.iloc[-1]
    shares = _own_shares(table)
    busiest = int(np.argmax(shares))
    lost = int(table["lost"].sum())
    scope = "the tasks that all can do" if comparison.board.common else "each learner's own tasks"
    ends = f"{_seconds(quickest['total'])} for {short_name(quickest['learner'])}"
    if len(table) > 1:
        ends += f", the least, to {_seconds(slowest['total'])} for {short_name(slowest['learner'])}"
    return (
        f"Mean time of a run over {scope}: {ends}. {short_name(table['learner'][busiest])} spends the largest share "
        f"on itself, {shares[busiest]:.0%}." + (f" {counted(lost, 'lost run')} left out." if lost else "")
    )


FIGURE = Figure(
    name="time-split",
    title="Where the time goes",
    reading=(
        (
            "A bar is the mean wall-clock time per run. Full colour: scoring candidates; pale: the learner's own "
            "computation; outlined: measurements by the harness, which are not charged to the learner."
        ),
        (
            "On the right: the total, and the learner's own share of scoring and own work. Seconds depend on the "
            "machine and its load; budgets are counted in forwards."
        ),
    ),
    draw=draw,
    summary="seconds per run: scoring, the learner's own work, measuring",
    order=70,
    draw_on=draw_on,
)
