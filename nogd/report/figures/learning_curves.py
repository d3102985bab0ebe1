"""Learning curves: training loss, and the metric that counts, against what was spent."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import (
    handles,
    heading,
    legend_below,
    legend_height,
    linear_values,
    log_cost,
    log_values,
    new_canvas,
    place_axes,
    plain,
    short_number,
    stroke,
)
from nogd.report.drawing.style import INK, MUTED, PAPER, Look, looks_of
from nogd.report.drawing.svg import can_change, named
from nogd.report.figure import Comparison, Drawn, Figure, choice
from nogd.report.names import counted, listed, short_name
from nogd.report.numbers.curves import Curve, budget_grid, in_order, resampled
from nogd.report.numbers.finals import applicable, finite, numbers
from nogd.report.numbers.groups import unequal_budgets
from nogd.report.numbers.hosts import on_one_clock
from nogd.report.numbers.leading import TIE, leads
from nogd.report.numbers.paired import LEVEL, smallest_p
from nogd.report.numbers.statistics import FloatArray, band, digits, interquartile_mean

PLOT_HEIGHT = 1.75
AGAINST = {"forwards": "forwards", "seconds": "seconds", "flops": "FLOPs"}
"""What curves can be drawn against, and how the axis is called. Memory is a run's peak, which has no course."""
SPENT = " Budgets differ: a learner that has spent its own is shown with its last value from there on."
NO_CURVES = "No run here has left a curve."


@dataclass(frozen=True)
class CurvePanel:
    """One task: curves by learner on a common grid of forwards, for the loss and for the metric."""

    task: str
    grid: FloatArray
    loss: Mapping[str, Curve]
    metric: Mapping[str, Curve]
    metric_title: str
    greater: bool
    constant: float
    reference: float
    unequal: bool = False
    """Whether learners had different budgets."""
    ceiling: float = np.inf
    """Where the loss axis ends, so that runs that diverged do not flatten the others."""
    level: float = LEVEL
    """Of a test on this task alone, so that all tasks together claim a lead by chance at most once in twenty."""
    costs: Mapping[str, Mapping[str, FloatArray]] = field(default_factory=dict)
    """By currency, for each learner what its runs had spent at each point of the grid: an interquartile mean."""

    @property
    def beyond(self) -> list[str]:
        """Learners whose loss, or its band, goes on above the ceiling."""
        return [learner for learner, curve in self.loss.items() if _highest(curve) > self.ceiling]


def _highest(curve: Curve) -> float:
    known = [edge[np.isfinite(edge)] for edge in (curve.middle, curve.high)]
    return float(max((edge.max() for edge in known if edge.size), default=-np.inf))


def draw(comparison: Comparison) -> list[Drawn] | str:
    """One drawing per task, or why there is none."""
    look = looks_of(comparison)
    told = comparison.sample_told
    return [_drawn(panel, look, told) for panel in panels_of(comparison) if panel.loss] or NO_CURVES


def draw_on(
    axes: Axes,
    comparison: Comparison,
    *,
    task: str | None = None,
    by: str = "metric",
    against: str = "forwards",
) -> None:
    """One task's curves on given axes; by: "metric" or "loss"; against: "forwards", "seconds" or "flops"."""
    found = {panel.task: panel for panel in panels_of(comparison) if panel.loss}
    if not found:
        raise UserError(NO_CURVES)
    panel = found[choice("task", task, list(found))]
    spent = _spent(panel, choice("against", against, list(AGAINST)))
    if choice("by", by, ("metric", "loss")) == "loss":
        _plot_loss(axes, panel, looks_of(comparison), spent)
    elif panel.metric:
        _plot_metric(axes, panel, looks_of(comparison), spent)
    else:
        raise UserError(f"no run on {short_name(panel.task)} measured its metric; give by='loss'.")
    axes.set_xlabel(AGAINST[against])


def _spent(panel: CurvePanel, against: str) -> Mapping[str, FloatArray]:
    """What each learner had spent at each point; raises UserError where nobody wrote that down."""
    if against == "forwards":
        return dict.fromkeys([*panel.loss, *panel.metric], panel.grid)
    if against not in panel.costs:
        raise UserError(f"no run on {short_name(panel.task)} wrote down its {AGAINST[against]}.")
    return panel.costs[against]


def panels_of(comparison: Comparison) -> list[CurvePanel]:
    """The curves of every task that has some, by the tasks' names."""
    return comparison.once(_panels)


def _panels(comparison: Comparison) -> list[CurvePanel]:
    by_task = {str(task): applicable(runs) for task, runs in comparison.curve_runs.groupby("task")}
    unequal = unequal_budgets(comparison.runs, comparison.settings)
    panels = [  # one task's curves after the other's: all side by side would be a copy of the whole table
        panel_of(
            str(task),
            by_task[str(task)],
            curves,
            unequal=unequal,
            clocked=on_one_clock(comparison, by_task[str(task)]),
        )
        for task, curves in comparison.whole_curves.groupby("task", sort=True)
    ]
    return [replace(panel, level=LEVEL / len(panels)) for panel in panels]


def panel_of(
    task: str, runs: DataFrame, curves: DataFrame, *, unequal: bool, clocked: DataFrame
) -> CurvePanel:
    """The curves of one task. clocked: the runs whose seconds may be taken together."""
    curves = in_order(curves)
    cost = finite(curves, "forwards")
    positive = cost[cost > 0]
    grid = budget_grid(float(positive.min()), float(positive.max())) if positive.size else np.array([1.0])
    first = runs.iloc[0] if len(runs) else None
    split = first is not None and bool(first["has_split"])
    name = short_name(first["metric_name"]) if first is not None else "metric"
    greater = bool(first is not None and first["metric_greater"])
    way = "higher is better" if greater else "lower is better"
    return CurvePanel(
        task=task,
        grid=grid,
        loss=_curves(task, runs, curves, "loss", grid),
        metric=_curves(task, runs, curves, "test_metric" if split else "metric", grid),
        metric_title=f"{name} on {'test' if split else 'training'} data ({way})",
        greater=greater,
        constant=_first_number(runs, "constant"),
        reference=_first_number(runs, "reference"),
        unequal=unequal,
        ceiling=_ceiling(runs, curves, grid),
        costs={
            name: costs
            for name, rows in (("seconds", clocked), ("flops", runs))
            if (costs := _costs(runs, rows, curves, name, grid))
        },
    )


def _costs(
    runs: DataFrame, rows: DataFrame, curves: DataFrame, column: str, grid: FloatArray
) -> dict[str, FloatArray]:
    """Each learner's costs on the grid, in three digits and NaN before the first; empty where nobody spent any.

    rows: those of the runs whose costs may be taken together.
    """
    found = {str(learner): np.full(len(grid), np.nan) for learner in runs["learner"].unique()}
    for learner, values in resampled(rows, curves, column, grid).items():
        middle = interquartile_mean(values, axis=0)
        found[learner] = digits(np.where((middle > 0) & (middle < np.inf), middle, np.nan), 3)
    return found if any(np.isfinite(costs).any() for costs in found.values()) else {}


def _curves(task: str, runs: DataFrame, curves: DataFrame, column: str, grid: FloatArray) -> dict[str, Curve]:
    found = {}
    repetitions = {str(learner): rows["repetition"].to_numpy() for learner, rows in runs.groupby("learner")}
    for learner, values in sorted(resampled(runs, curves, column, grid).items()):
        if np.isfinite(values).any():
            rng = np.random.default_rng(zlib.crc32(f"{task}/{learner}/{column}".encode()))
            low, high = band(values, rng=rng)
            found[learner] = Curve(
                interquartile_mean(values, axis=0), low, high, values, repetitions[learner]
            )
    return found


def _ceiling(runs: DataFrame, curves: DataFrame, grid: FloatArray) -> float:
    """Above all that runs show that did not diverge, and above every start; infinite where none diverged."""
    diverged = (runs["status"] == "diverged").to_numpy()
    if not diverged.any() or diverged.all():
        return np.inf
    sound = resampled(runs[~diverged], curves, "loss", grid)
    known = np.concatenate([*(values.ravel() for values in sound.values()), numbers(runs, "start_loss")])
    known = known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if known.size else (np.nan, np.nan)
    if not high > low:
        return np.inf
    return float(high * (high / low) ** 0.1) if low > 0 and high / low > 20 else high + 0.1 * (high - low)


def _first_number(runs: DataFrame, column: str) -> float:
    values = numbers(runs, column)
    known = values[np.isfinite(values)]
    return float(known[0]) if known.size else np.nan


def _drawn(panel: CurvePanel, look: Mapping[str, Look], told: str) -> Drawn:
    entries = handles([look[learner] for learner in panel.loss])
    below = legend_height([str(each.get_label()) for each in entries])
    rows = 2 if panel.metric else 1
    canvas = new_canvas(0.3 + rows * (PLOT_HEIGHT + 0.3) + 0.28 + below)
    height = float(canvas.get_size_inches()[1])
    axes = place_axes(canvas, 0.52, 0.12, 0.3, height - 0.3 - PLOT_HEIGHT)
    spent = _spent(panel, "forwards")
    _plot_loss(axes, panel, look, spent)
    if panel.metric:
        axes.tick_params(labelbottom=False)
        axes = place_axes(canvas, 0.52, 0.12, 0.6 + PLOT_HEIGHT, below + 0.42)
        _plot_metric(axes, panel, look, spent)
    axes.set_xlabel("forwards", labelpad=1)
    legend_below(canvas, entries)
    return Drawn(canvas, _data(panel), _finding(panel) + told, title=panel.task)


def _plot_loss(
    axes: Axes, panel: CurvePanel, look: Mapping[str, Look], spent: Mapping[str, FloatArray]
) -> None:
    _plot(axes, spent, panel.loss, look)
    edges = np.concatenate([edge for curve in panel.loss.values() for edge in (curve.low, curve.high)])
    edges = edges[np.isfinite(edges)]
    if panel.beyond:
        low = float(edges.min())
        edges = edges[edges <= panel.ceiling]
        wide = low > 0 and panel.ceiling / low > 20
        bottom = low / (panel.ceiling / low) ** 0.05 if wide else low - 0.05 * (panel.ceiling - low)
        axes.set_ylim(bottom, panel.ceiling)
    if edges.size and edges.min() > 0 and edges.max() / edges.min() > 20:
        log_values(axes)
        heading(axes, "training loss, log scale (lower is better)")
        return
    linear_values(axes)
    heading(axes, "training loss (lower is better)")


def _plot_metric(
    axes: Axes, panel: CurvePanel, look: Mapping[str, Look], spent: Mapping[str, FloatArray]
) -> None:
    _plot(axes, spent, panel.metric, look)
    low, high = metric_view(panel)
    axes.set_ylim(low, high)
    linear_values(axes)
    heading(axes, panel.metric_title)
    for level, name in ((panel.constant, "constant predictor"), (panel.reference, "reference")):
        if low < level < high:
            _level(axes, level, name)


def _level(axes: Axes, level: float, name: str) -> None:
    """A dashed level with its name at the left, where curves have not got to yet."""
    axes.axhline(level, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        name,
        (0.01, level),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2.5),
        textcoords="offset points",
        fontsize=7,
        color=INK,
        zorder=5,
        bbox={"boxstyle": "square,pad=0.12", "facecolor": PAPER, "alpha": 0.8, "linewidth": 0},
    )


def metric_view(panel: CurvePanel) -> tuple[float, float]:
    """Limits that show where curves end up; a hopeless start may lie outside, or it would flatten all the rest."""
    ends = np.array([[curve.middle[-1], curve.low[-1], curve.high[-1]] for curve in panel.metric.values()])
    ends = ends[np.isfinite(ends)]
    levels = [level for level in (panel.constant, panel.reference) if np.isfinite(level)]
    best = ends.max() if panel.greater else ends.min()
    always = np.array([best, *levels])
    span = np.ptp(always) if np.ptp(always) > 0 else max(np.ptp(ends), 0.1 * abs(best), 1e-6)
    shown = np.clip(ends, always.min() - 0.6 * span, always.max() + 0.6 * span)
    low, high = min(shown.min(), always.min()), max(shown.max(), always.max())
    return float(low - 0.08 * span), float(high + 0.12 * span)


def _plot(
    axes: Axes, spent: Mapping[str, FloatArray], curves: Mapping[str, Curve], look: Mapping[str, Look]
) -> None:
    log_cost(axes)
    for order, (learner, curve) in enumerate(curves.items()):
        grid = spent[learner]
        gap = max(len(grid) // 5, 1)
        every = (order * gap // max(len(curves), 1), gap) if len(grid) > 1 else None
        style = {**stroke(look[learner]), "label": look[learner].label}
        drawn: list[Artist] = [*axes.plot(grid, curve.middle, markevery=every, **style)]
        if not look[learner].quiet:  # thirty bands would hide each other
            colour = look[learner].colour
            drawn.append(axes.fill_between(grid, curve.low, curve.high, color=colour, alpha=0.1, linewidth=0))
        named(drawn, learner)
    costs = np.concatenate([spent[learner] for learner in curves])
    low, high = np.nanmin(costs, initial=np.inf), np.nanmax(costs, initial=0)
    if low < high:
        axes.set_xlim(low, high * 1.05)
    can_change(axes)


def _data(panel: CurvePanel) -> DataFrame:
    """One row per learner and point: what was spent, the training loss and the metric, each with its band."""
    known = {**panel.metric, **panel.loss}
    points, learners = len(panel.grid), sorted(known)
    unknown = np.full(points, np.nan)
    table: dict[str, Any] = {
        "task": panel.task,
        "learner": np.repeat(np.array(learners, dtype=object), points),
        "runs": np.repeat([known[learner].runs for learner in learners], points),
        "forwards": np.tile(panel.grid, len(learners)),
    }
    for name, costs in panel.costs.items():
        table[name] = np.concatenate([costs[learner] for learner in learners])
    for name, curves in (("loss", panel.loss), ("metric", panel.metric)):
        for column, edge in ((name, "middle"), (f"{name}_low", "low"), (f"{name}_high", "high")):
            edges = [getattr(curves[each], edge) if each in curves else unknown for each in learners]
            table[column] = digits(np.concatenate(edges), 4 if edge == "middle" else 3)
    return DataFrame(table | {"metric_name": panel.metric_title.partition(" (")[0]})


def _finding(panel: CurvePanel) -> str:
    curves = panel.metric or panel.loss
    what = panel.metric_title if panel.metric else "training loss (lower is better)"
    cut = listed([short_name(name) for name in panel.beyond])
    above = (
        f" The loss axis is cut at {short_number(panel.ceiling)}; above it: diverged runs of {cut}."
        if cut
        else ""
    )
    return (
        f"Learning curves of {counted(len(curves), 'learner')} on {short_name(panel.task)}, {what}. At "
        f"{panel.grid[-1]:,.0f} forwards {_ahead(panel, curves)}.{above}{SPENT if panel.unequal else ''}"
    )


def _ahead(panel: CurvePanel, curves: Mapping[str, Curve]) -> str:
    """Who is ahead where the curves end, and whether that is sure."""
    if len(curves) == 1:
        [(name, curve)] = curves.items()
        return f"{short_name(name)} is at {plain(float(curve.middle[-1]))}"
    lead = leads(panel.grid, curves, bool(panel.metric) and panel.greater, panel.level)[-1]
    if lead.leader == TIE:
        return f"the best are tied at {plain(lead.value)}"
    runs = min(curve.runs for curve in curves.values())
    if lead.clear:
        sure = "ahead of all others beyond chance"
    elif smallest_p(runs) >= panel.level:
        sure = f"and {counted(runs, 'repetition')} cannot show whether that is chance"
    else:
        sure = f"not told apart from {counted(lead.rivals, 'other')}"
    return f"{short_name(lead.leader)} is best with {plain(lead.value)}, {sure}"


FIGURE = Figure(
    name="learning-curves",
    title="Learning curves",
    reading=(
        (
            "A line is the interquartile mean over repetitions of what a learner would have returned if stopped after "
            "that many forwards; the further left a good value, the cheaper. Seconds or FLOPs in their place are what "
            "its runs had spent by then, as an interquartile mean; memory is one peak of a run and has no course."
        ),
        (
            "The band runs from the lowest to the highest run (from 10 repetitions on: a 95 % bootstrap interval). "
            "A run that ended early or failed keeps its last value. Early values may lie outside the lower picture."
        ),
    ),
    draw=draw,
    summary="loss and metric against forwards, seconds or FLOPs, per task",
    order=20,
    draw_on=draw_on,
)
