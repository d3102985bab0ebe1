"""How much a learner depends on its main hyper-parameter: a picture of what experiments/tuning has measured."""

from __future__ import annotations

import csv
import functools
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure

from nogd.report.drawing.canvas import (
    handle,
    heading,
    house_style,
    legend_below,
    legend_height,
    linear_values,
    log_values,
    new_canvas,
    place_axes,
    stroke,
)
from nogd.report.drawing.style import LIGHT, MARKERS, MUTED, Look
from pages.drawing import picture

TABLE = Path(__file__).resolve().parents[2] / "experiments" / "tuning" / "sensitivity.csv"
NARROW = 3  # between values no further apart than that there are too few round numbers for a logarithmic axis
TOLD = (
    "Lowest validation loss on two [tuning tasks](path:../../../experiments/tuning/README.md), median of 2 repetitions"
    " of 1,000 forwards; the grey line is the default."
)
Curves = dict[str, dict[float, float]]


def sensitivity(name: str) -> str:
    """The learner's losses over values of its main hyper-parameter; empty where none were measured."""
    rows = _measured().get(name)
    if not rows:
        return ""
    what = rows[0]["hyper_parameter"]
    (default,) = {float(row["value"]) for row in rows if row["is_default"] == "True"}
    with house_style():
        canvas = _drawn(_curves(rows), what, default)
        alt = f"Lowest validation loss of {name} over {what}"
        return f"## How much depends on `{what}`\n\n{picture(canvas, f'sensitivity-{name}', alt)}\n\n{TOLD}"


@functools.cache
def _measured() -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    with TABLE.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["lowest_validation_loss"]:
                found.setdefault(row["learner"], []).append(row)
    return found


def _curves(rows: list[dict[str, str]]) -> Curves:
    """Of each task the loss by value, in ascending order."""
    curves: Curves = {}
    for row in sorted(rows, key=lambda row: float(row["value"])):
        curves.setdefault(row["task"], {})[float(row["value"])] = float(row["lowest_validation_loss"])
    return dict(sorted(curves.items()))


def _drawn(curves: Curves, what: str, default: float) -> MplFigure:
    looks = [
        Look(colour, marker, task, place)
        for place, (task, colour, marker) in enumerate(zip(curves, LIGHT, MARKERS, strict=False))
    ]
    below = legend_height(list(curves))
    canvas = new_canvas(2.4 + below, width=4.4)
    axes = place_axes(canvas, 0.62, 0.2, 0.35, 0.55 + below)
    heading(axes, "lowest validation loss")
    axes.axvline(default, color=MUTED, linewidth=0.8, zorder=1)
    for look, curve in zip(looks, curves.values(), strict=True):
        axes.plot(list(curve), list(curve.values()), **stroke(look))
    _scaled(axes, what, sorted({value for curve in curves.values() for value in curve}))
    legend_below(canvas, [handle(look) for look in looks])
    return canvas


def _scaled(axes: Axes, what: str, values: list[float]) -> None:
    """Logarithmic axes, with a number at each value that was tried."""
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()
    axes.set_xlabel(what)
    low, high = axes.get_ylim()
    (log_values if high > NARROW * low else linear_values)(axes)
