"""What pictures of profiles have in common: shares as steps that rise, or fall, along an axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from matplotlib.ticker import PercentFormatter

from nogd.report.drawing.canvas import legend_below, legend_height, new_canvas, place_axes, stroke
from nogd.report.drawing.style import Look
from nogd.report.drawing.svg import named
from nogd.report.numbers.statistics import FloatArray

HEIGHT = 2.2


def profile_canvas(entries: Sequence[Any]) -> tuple[MplFigure, Axes]:
    """A canvas with empty axes and a legend of these entries under them."""
    below = legend_height([str(each.get_label()) for each in entries])
    canvas = new_canvas(0.3 + HEIGHT + 0.4 + below)
    axes = place_axes(canvas, 0.52, 0.16, 0.3, below + 0.4)
    legend_below(canvas, entries)
    return canvas, axes


def draw_profiles(
    axes: Axes, levels: FloatArray, shares: Mapping[str, FloatArray], look: Mapping[str, Look]
) -> None:
    """One line a learner, between 0 and 100 %; shares: by learner, of the shape of `levels`."""
    gap = max(len(levels) // 5, 1)
    for order, (learner, share) in enumerate(shares.items()):
        every, style = (order * gap // len(shares), gap), stroke(look[learner])
        lines = axes.plot(
            levels, share, drawstyle="steps-post", markevery=every, label=look[learner].label, **style
        )
        named(lines, learner)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
