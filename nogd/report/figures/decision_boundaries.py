"""Where each learner's network draws the line: small multiples, on every task that classifies points of a plane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import WIDTH, legend_below, legend_height, new_canvas, place_axes, plain
from nogd.report.drawing.regions import CLASS_COLOURS, CLASS_MARKS, class_points, regions
from nogd.report.drawing.style import GRID, INK, MUTED, PAPER, Look, looks_of
from nogd.report.figure import Comparison, Drawn, Figure, choice
from nogd.report.names import listed, short_name
from nogd.report.numbers.finals import NOT_APPLICABLE
from nogd.report.numbers.statistics import interquartile_mean
from nogd.report.numbers.tables import Arrays

ACROSS, DOWN = 3, 4
"""Panels of one drawing: several drawings stand side by side on a desk and below each other on a phone."""
SIDE, GAP, ABOVE = 1.24, 0.1, 0.36
_NAME = 16
_MOST_POINTS = 300
NO_PORTRAIT = "No run here has left a portrait: that takes a task that classifies points of a plane."


@dataclass(frozen=True)
class DecisionPanel:
    """One learner: its median run, that run's portrait if it left one, and the values of all its runs."""

    learner: str
    id: str
    repetition: int
    status: str
    value: float
    middle: float
    low: float
    high: float
    portrait: Arrays | None

    @property
    def told(self) -> str:
        """The score in words, as short as it gets."""
        return f"{plain(self.value)}  ({plain(self.low)} to {plain(self.high)})"


@dataclass(frozen=True)
class Plate:
    """All panels of one task, the best first. metric: its name and the data it is measured on."""

    task: str
    metric: str
    panels: Sequence[DecisionPanel]
    points: Arrays
    refused: Sequence[str]


def draw(comparison: Comparison) -> list[Drawn] | str:
    """A drawing for every twelve learners of a task, or why there is none."""
    look = looks_of(comparison, _NAME)
    return [
        drawn for plate in plates(comparison) for drawn in _drawings(plate, look)
    ] or comparison.why_no_picture(NO_PORTRAIT)


def draw_on(
    axes: Axes, comparison: Comparison, *, learner: str | None = None, task: str | None = None
) -> None:
    """One learner's panel on given axes."""
    found = {plate.task: plate for plate in plates(comparison)}
    if not found:
        raise UserError(comparison.why_no_picture(NO_PORTRAIT))
    plate = found[choice("task", task, list(found))]
    panels = {panel.learner: panel for panel in plate.panels}
    panel = panels[choice("learner", learner, list(panels))]
    _paint(axes, panel, plate.points)
    axes.set_title(f"{short_name(panel.learner)}: {panel.told}")


def plates(comparison: Comparison) -> Iterator[Plate]:
    """What there is to draw, task by task."""
    portraits, points = comparison.pictures_of("portrait"), comparison.pictures_of("points")
    finals = comparison.finals.assign(id=comparison.runs["id"], status=comparison.runs["status"])
    for task, rows in finals.groupby("task", sort=True):
        if str(task) not in points or not rows["id"].isin(list(portraits)).any():
            continue
        facts = comparison.runs[comparison.runs["task"] == task]
        data = "test" if rows["split"].iloc[0] else "training"
        panels = [_panel(str(learner), part, portraits) for learner, part in rows.groupby("learner")]
        way = -1 if rows["greater"].iloc[0] else 1
        panels.sort(key=lambda panel: (np.nan_to_num(way * panel.middle, nan=np.inf), panel.learner))
        refused = facts.loc[facts["status"] == NOT_APPLICABLE, "learner"].unique()
        metric = f"{short_name(facts['metric_name'].iloc[0])} on {data} data"
        yield Plate(str(task), metric, panels, points[str(task)], sorted(map(str, refused)))


def _panel(learner: str, rows: DataFrame, portraits: Mapping[str, Arrays]) -> DecisionPanel:
    """A failed run ranks last: where most runs failed, the median is one of them."""
    ordered = rows.sort_values(["ranked", "repetition"], kind="stable")
    median = ordered.iloc[(len(ordered) - 1) // 2]
    values = rows["value"].to_numpy(dtype=float)
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (np.nan, np.nan)
    return DecisionPanel(
        learner,
        str(median["id"]),
        int(median["repetition"]),
        str(median["status"]),
        float(median["value"]),
        float(interquartile_mean(values)),
        low,
        high,
        portraits.get(str(median["id"])),
    )


def _drawings(plate: Plate, look: Mapping[str, Look]) -> Iterator[Drawn]:
    size = ACROSS * DOWN
    parts = [plate.panels[start : start + size] for start in range(0, len(plate.panels), size)]
    for place, panels in enumerate(parts):
        part = f", places {place * size + 1} to {place * size + len(panels)}" if len(parts) > 1 else ""
        yield Drawn(
            _canvas(plate, panels, look),
            _data(plate.task, panels),
            _finding(plate, panels, part),
            title=plate.task + part,
        )


def _canvas(plate: Plate, panels: Sequence[DecisionPanel], look: Mapping[str, Look]) -> MplFigure:
    handles = list(_class_handles(plate.points["classes"]))
    below = legend_height([str(each.get_label()) for each in handles])
    rows = -(-len(panels) // ACROSS)
    height = rows * (ABOVE + SIDE + GAP) + below
    canvas = new_canvas(height)
    for place, panel in enumerate(panels):
        row, column = divmod(place, ACROSS)
        left, top = column * (SIDE + GAP), row * (ABOVE + SIDE + GAP) + ABOVE
        axes = place_axes(canvas, left + 0.02, WIDTH - left - 0.02 - SIDE, top, height - top - SIDE)
        _paint(axes, panel, plate.points)
        _name(axes, panel, look[panel.learner])
    legend_below(canvas, handles)
    return canvas


def _paint(axes: Axes, panel: DecisionPanel, points: Arrays) -> None:
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=GRID, linewidth=0.8)
    if panel.portrait is None:
        told = f"its median run\nleft no picture\n({panel.status})"
        axes.text(0.5, 0.5, told, ha="center", va="center", color=MUTED, fontsize=8, transform=axes.transAxes)
        return
    left, right, low, high = map(float, panel.portrait["box"])
    box = (left, right, low, high)
    axes.imshow(
        regions(panel.portrait["shares"]), extent=box, origin="lower", aspect="auto", interpolation="none"
    )
    for patch in class_points(_thinned(points["inputs"]), _thinned(points["classes"]), box):
        axes.add_patch(patch)
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)


def _thinned(rows: NDArray[Any]) -> NDArray[Any]:
    few = np.linspace(0, len(rows) - 1, min(len(rows), _MOST_POINTS)).round().astype(int)
    thinned: NDArray[Any] = rows[few]
    return thinned


def _name(axes: Axes, panel: DecisionPanel, look: Look) -> None:
    axes.plot(
        [0.045],
        [1 + 0.235 / SIDE],
        color=look.colour,
        marker=look.marker,
        markersize=5.5,
        transform=axes.transAxes,
        clip_on=False,
    )
    axes.text(0.11, 1 + 0.19 / SIDE, look.label, color=INK, fontsize=8, transform=axes.transAxes)
    axes.text(0.0, 1 + 0.055 / SIDE, panel.told, color=MUTED, fontsize=7, transform=axes.transAxes)


def _class_handles(classes: NDArray[Any]) -> Iterator[Line2D]:
    for known in np.unique(classes).astype(int):
        yield Line2D(
            [],
            [],
            linestyle="none",
            marker=CLASS_MARKS[known % len(CLASS_MARKS)],
            markersize=5,
            color=CLASS_COLOURS[known % len(CLASS_COLOURS)],
            markeredgecolor=PAPER,
            label=f"class {known}",
        )


def _data(task: str, panels: Sequence[DecisionPanel]) -> DataFrame:
    """One row per line of a picture, from the top: the share of each class in percent, place by place."""
    return DataFrame([row for panel in panels for row in _lines(task, panel)])


def _lines(task: str, panel: DecisionPanel) -> Iterator[dict[str, object]]:
    head = {
        "task": task,
        "learner": panel.learner,
        "run": panel.id,
        "repetition": panel.repetition,
        "status": panel.status,
        "value": panel.value,
        "lowest": panel.low,
        "highest": panel.high,
    }
    if panel.portrait is None:
        yield head
        return
    left, right, low, high = map(float, panel.portrait["box"])
    shares = np.rint(panel.portrait["shares"] / 2.55).astype(int)
    xs, ys = np.linspace(left, right, shares.shape[2]), np.linspace(low, high, shares.shape[1])
    for index, grid in enumerate(shares):
        for y, line in zip(ys[::-1], grid[::-1], strict=True):
            cells = {f"x={x:.3g}": share for x, share in zip(xs, line, strict=True)}
            yield head | {"percent_of_class": index + (len(shares) == 1), "y": y} | cells


def _finding(plate: Plate, panels: Sequence[DecisionPanel], part: str) -> str:
    values = listed([f"{short_name(panel.learner)} {plain(panel.middle)}" for panel in panels], 6)
    blank = [short_name(panel.learner) for panel in panels if panel.portrait is None]
    without = f" No picture of: {', '.join(blank)}." if blank else ""
    refused = f" Not applicable: {', '.join(map(short_name, plate.refused))}." if plate.refused else ""
    return (
        f"Decision boundaries on {short_name(plate.task)}{part}; {plate.metric}, interquartile mean, the best learner "
        f"first: {values}.{without}{refused}"
    )


FIGURE = Figure(
    name="decision-boundaries",
    title="Decision boundaries",
    reading=(
        (
            "Colour is the class that the network of a learner's median run predicts at each point, stronger where it "
            "is more certain. Dots are training data: one on another colour is a mistake."
        ),
        (
            "Above each: the metric of that run and, in brackets, of the worst and the best repetition (of an even "
            "number of runs the better of the two in the middle is shown). The best learner, by its interquartile "
            "mean, comes first."
        ),
    ),
    draw=draw,
    summary="what each learner's network predicts at every point, on tasks with two inputs",
    order=60,
    draw_on=draw_on,
)
