"""Where each learner went: the paths of one repetition on a plane through the space of all parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from pandas import DataFrame, concat

from nogd.errors import UserError
from nogd.report.drawing.canvas import (
    WIDTH,
    handles,
    heading,
    legend_below,
    legend_height,
    new_canvas,
    place_axes,
    plain,
    stroke,
)
from nogd.report.drawing.style import GRID, INK, PAPER, Look, looks_of
from nogd.report.drawing.svg import named
from nogd.report.figure import Comparison, Drawn, Figure, choice
from nogd.report.names import counted, listed, short_name

SIDE = 3.5
_NAME = 17
_LEVELS = 9
NO_PATHS = "No run here has kept its path: networks of many parameters never do, and none does with --no-keep-thetas."
_DEEPEST = 0.34
_LITTLE = 0.2  # of a path's movement: with less than that on the plane it is dotted


@dataclass(frozen=True)
class LearnerPath:
    """One learner's path on the plane. share: of its squared distances from the start what lies in the plane."""

    learner: str
    id: str
    share: float
    at: NDArray[Any]
    forwards: NDArray[Any]
    losses: NDArray[Any]


@dataclass(frozen=True)
class Chart:
    """One task's plane with all paths, x and y of its picture, and the loss there (None where it was not computed)."""

    task: str
    repetition: int
    explained: float
    walks: Sequence[LearnerPath]
    x: NDArray[Any]
    y: NDArray[Any]
    grid: NDArray[Any] | None

    def leaves(self, walk: LearnerPath) -> bool:
        """Whether a path goes on beyond the picture."""
        return not bool(self._inside(walk.at).all())

    def end_of(self, walk: LearnerPath) -> NDArray[Any]:
        """Where a path ends, or where it leaves the picture for good."""
        inside = np.flatnonzero(self._inside(walk.at))
        if inside.size == 0 or inside[-1] == len(walk.at) - 1:
            return np.asarray(walk.at[-1])
        last, beyond = walk.at[inside[-1]], walk.at[inside[-1] + 1]
        edge = np.where(beyond > last, [self.x[-1], self.y[-1]], [self.x[0], self.y[0]])
        step = np.divide(edge - last, beyond - last, out=np.ones(2), where=beyond != last)
        return np.asarray(last + step.min() * (beyond - last))

    def _inside(self, points: NDArray[Any]) -> NDArray[np.bool_]:
        within = (points >= [self.x[0], self.y[0]]) & (points <= [self.x[-1], self.y[-1]])
        return np.asarray(within.all(axis=1))


def draw(comparison: Comparison) -> list[Drawn] | str:
    """One drawing per task whose runs kept their paths, or why there is none."""
    look = looks_of(comparison, _NAME)
    return [_drawn(chart, look) for chart in charts(comparison)] or comparison.why_no_picture(NO_PATHS)


def draw_on(axes: Axes, comparison: Comparison, *, task: str | None = None) -> None:
    """One task's on given axes."""
    found = {chart.task: chart for chart in charts(comparison)}
    if not found:
        raise UserError(comparison.why_no_picture(NO_PATHS))
    chart = found[choice("task", task, list(found))]
    look = looks_of(comparison, _NAME)
    _paint(axes, chart, look)
    for walk in chart.walks:
        axes.plot([], [], **stroke(look[walk.learner]), label=_label(walk, look[walk.learner]))


def charts(comparison: Comparison) -> Iterator[Chart]:
    """What there is to draw, task by task; a plane that was made of other runs than these is left out."""
    learners = dict(zip(comparison.runs["id"], comparison.runs["learner"], strict=True))
    for task, plane in sorted(comparison.pictures_of("plane").items()):
        if task in comparison.tasks and all(str(id_) in learners for id_ in plane["ids"]):
            ends = np.cumsum(plane["lengths"])[:-1]
            parts = [np.split(plane[name], ends) for name in ("coordinates", "forwards", "losses")]
            facts = zip(plane["ids"], plane["shares"], *parts, strict=True)
            walks = [
                LearnerPath(str(learners[str(id_)]), str(id_), float(share), *part)
                for id_, share, *part in facts
            ]
            spot = (int(plane["repetition"]), float(plane["explained"]))
            yield Chart(task, *spot, walks, plane["x"], plane["y"], plane.get("grid"))


def _drawn(chart: Chart, look: Mapping[str, Look]) -> Drawn:
    entries = handles(
        [replace(look[walk.learner], label=_label(walk, look[walk.learner])) for walk in chart.walks]
    )
    below = legend_height([str(each.get_label()) for each in entries])
    canvas = new_canvas(0.3 + SIDE + 0.12 + below)
    axes = place_axes(canvas, (WIDTH - SIDE) / 2, (WIDTH - SIDE) / 2, 0.3, 0.12 + below)
    _paint(axes, chart, look)
    legend_below(canvas, entries)
    return Drawn(canvas, _data(chart), _finding(chart), title=chart.task)


def _label(walk: LearnerPath, look: Look) -> str:
    return look.label if np.isnan(walk.share) else f"{look.label} {walk.share:.0%}"


def _paint(axes: Axes, chart: Chart, look: Mapping[str, Look]) -> None:
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=GRID, linewidth=0.8)
    if chart.grid is not None:
        _shade(axes, chart, chart.grid)
    for walk in chart.walks:
        _path(axes, walk, look[walk.learner], chart.end_of(walk))
    axes.plot(
        [0], [0], marker="o", markersize=7, color="none", markeredgecolor=INK, markeredgewidth=1.3, zorder=4
    )
    right = (
        float(chart.x[0] + chart.x[-1]) < 0
    )  # the start lies in the right half: its name has room at the left
    axes.annotate(
        "start",
        (0, 0),
        xytext=(-6 if right else 6, -10),
        ha="right" if right else "left",
        textcoords="offset points",
        color=INK,
        fontsize=7.5,
        zorder=5,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": PAPER, "alpha": 0.7, "linewidth": 0},
    )
    axes.set_xlim(chart.x[0], chart.x[-1])
    axes.set_ylim(chart.y[0], chart.y[-1])
    heading(axes, f"paths from one start; the plane holds {chart.explained:.0%} of the movement")


def _shade(axes: Axes, chart: Chart, grid: NDArray[Any]) -> None:
    """Nine shades that each cover as much of the picture, whatever the losses' scale."""
    known = grid[np.isfinite(grid)]
    levels = np.unique(np.quantile(known, np.linspace(0, 1, _LEVELS + 1))) if known.size else known
    if len(levels) < 3:
        return
    shown = np.where(np.isfinite(grid), grid, levels[-1])
    # Each layer covers all that is higher: shades side by side would show a seam.
    ink = 1 - (1 - _DEEPEST) ** (1 / (len(levels) - 2))
    for low in levels[1:-1]:
        axes.contourf(chart.x, chart.y, shown, levels=[low, levels[-1]], colors=[INK], alpha=ink, zorder=0.5)


def _path(axes: Axes, walk: LearnerPath, look: Look, end_at: NDArray[Any]) -> None:
    style = stroke(look) | {"marker": None}
    if walk.share < _LITTLE:
        style |= {"linestyle": (0, (1, 1.5))}
    lines = axes.plot(walk.at[:, 0], walk.at[:, 1], **style, solid_joinstyle="round")
    end: dict[str, Any] = {
        "marker": look.marker,
        "markersize": 4.5 if look.quiet else 7,
        "markeredgecolor": PAPER,
    }
    if not np.array_equal(end_at, walk.at[-1]):  # it goes on beyond the picture
        end |= {"markerfacecolor": PAPER, "markeredgecolor": look.colour, "clip_on": False}
    lines += axes.plot(*end_at[:, None], color=look.colour, zorder=2.5 if look.quiet else 3.5, **end)
    loss = plain(float(walk.losses[-1]))
    named(lines, walk.learner, f"{look.label}: {walk.share:.0%} on the plane, ends with loss {loss}")


def _data(chart: Chart) -> DataFrame:
    """First the points of the paths, with the loss that the run had; then the loss on the plane itself."""
    points = [
        DataFrame(
            {
                "task": chart.task,
                "learner": walk.learner,
                "run": walk.id,
                "share_on_plane": walk.share,
                "forwards": walk.forwards,
                "x": walk.at[:, 0],
                "y": walk.at[:, 1],
                "loss": walk.losses,
            }
        )
        for walk in chart.walks
    ]
    if chart.grid is not None:
        y, x = np.meshgrid(chart.y, chart.x, indexing="ij")
        plane = {"learner": "(plane)", "x": x.ravel(), "y": y.ravel(), "loss": chart.grid.ravel()}
        points.append(DataFrame({"task": chart.task, **plane}))
    return concat(points, ignore_index=True)


def _finding(chart: Chart) -> str:
    ends = {walk.learner: float(walk.losses[-1]) for walk in chart.walks if np.isfinite(walk.losses[-1])}
    best = min(ends, key=lambda name: (ends[name], name), default="")
    lowest = f"The lowest training loss at the end of these single runs is {plain(ends[best])}, of {short_name(best)}"
    led = f"{lowest}; one start is no verdict. " if best else ""
    beyond = [short_name(walk.learner) for walk in chart.walks if chart.leaves(walk)]
    return (
        f"Where {counted(len(chart.walks), 'learner')} went on {short_name(chart.task)} in repetition "
        f"{chart.repetition}. {led}The plane holds {chart.explained:.0%} of the movement."
        + (f" Paths that go on beyond the picture: {listed(beyond)}." if beyond else "")
        + ("" if chart.grid is not None else " The loss on the plane was not computed.")
    )


FIGURE = Figure(
    name="paths",
    title="Optimisation paths: where each learner went",
    reading=(
        (
            "All start at the ring. A line is the projection of a learner's recommendations onto the plane of the two "
            "principal directions of all paths of a repetition, each path weighted equally. Its marker is the end, "
            "open where the path leaves the picture. Darker means a higher training loss on the plane."
        ),
        (
            "Percentages say how much of a path (of its squared distances from the start) lies in the plane. The rest "
            "leads away from it, so the shade under a line is not the loss that the learner had. Dotted: below 20 %."
        ),
    ),
    draw=draw,
    summary="paths of all learners on a plane through the loss surface",
    order=62,
    draw_on=draw_on,
)
