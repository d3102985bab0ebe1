"""Where values are in a drawing, for a page that tells the value under the pointer."""

from __future__ import annotations

import re
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure as MplFigure

_POINTS = 72
_SCALES = ("linear", "log")
_NUMBER = re.compile(r"[-\u2212]?[\d.]")


def axes_told(canvas: MplFigure) -> list[dict[str, Any]]:
    """Each of the canvas's axes: its box in points from the upper left corner, and the scale and ends of x and y.

    An axis with names in place of numbers, or with another scale, has None.
    """
    return [_told(axes, float(canvas.bbox.height), _POINTS / float(canvas.dpi)) for axes in canvas.axes]


def _told(axes: Axes, height: float, point: float) -> dict[str, Any]:
    left, low, right, high = map(float, axes.bbox.extents)
    box = [round(each * point, 1) for each in (left, height - high, right, height - low)]
    return {"box": box, "x": _scale(axes.xaxis), "y": _scale(axes.yaxis)}


def _scale(axis: Axis) -> list[Any] | None:
    labels = axis.get_major_formatter().format_ticks(list(axis.get_majorticklocs()))
    if any(label and not _NUMBER.match(label) for label in labels) or axis.get_scale() not in _SCALES:
        return None
    return [axis.get_scale(), *(float(f"{end:.6g}") for end in axis.get_view_interval())]
