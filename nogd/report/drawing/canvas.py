"""Canvases of one style for all figures; nothing here touches pyplot or leaves a global setting changed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from nogd.report.drawing.style import GREY, GRID, INK, MUTED, Look

WIDTH = 4.0
"""Inches: three canvases fit side by side on a desk, and one is still legible on a phone."""
LEGEND_ROW = 0.165
_OURS = "nogd"
"""The label of a canvas whose margins are laid out here; on any other one, neighbours are not known."""
_SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.parse_math": False,  # a learner may be called "$x$"
    "axes.unicode_minus": False,
    "lines.solid_capstyle": "butt",  # SVG's own, which takes no words
    "svg.fonttype": "none",  # text stays text: small, searchable, in the page's font
    "svg.hashsalt": "nogd",  # equal pictures are equal bytes
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw and save inside of this: settings of matplotlib and seaborn, put back afterwards."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # the browser's fonts have it
        mpl.rcParams.update(sns.axes_style("whitegrid"))
        mpl.rcParams.update(_SETTINGS)
        yield


def new_canvas(height: float, width: float = WIDTH) -> MplFigure:
    """An empty canvas, in inches, that no global state knows of."""
    canvas = MplFigure(figsize=(width, height))
    canvas.set_label(_OURS)
    return canvas


def place_axes(canvas: MplFigure, left: float, right: float, top: float, bottom: float) -> Axes:
    """Axes with the given distances, in inches, from the canvas's left, right, upper and lower edge."""
    width, height = canvas.get_size_inches()
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes: Axes = canvas.add_axes(box)
    sns.despine(ax=axes, left=True)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    return axes


def heading(axes: Axes, text: str) -> None:
    """What the values are, written above the axes, where it can be read without turning the head.

    On a canvas of the report it begins at the left edge; among axes of somebody else it stays above its own.
    """
    if axes.figure.get_label() != _OURS:
        axes.set_title(text, loc="left", fontsize="medium")
        return
    axes.annotate(
        text,
        (0.02, 1.0),
        xycoords=(axes.figure.transFigure, "axes fraction"),
        xytext=(0, 6),
        textcoords="offset points",
    )


def log_cost(axes: Axes) -> None:
    """A logarithmic horizontal axis with plain numbers: 1, 10, 100, 1k."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_major_formatter(FuncFormatter(short_number))
    axes.xaxis.set_minor_locator(NullLocator())


def log_values(axes: Axes, direction: str = "y") -> None:
    """A logarithmic value axis with few plain numbers; a short range gets the 2s and 5s too.

    Call it when all is drawn and the limits are set: the numbers are chosen for what is seen.
    """
    axis = axes.yaxis if direction == "y" else axes.xaxis
    (axes.set_yscale if direction == "y" else axes.set_xscale)("log")
    low, high = axis.get_view_interval()
    axis.set_major_locator(FixedLocator(log_ticks(low, high, max(int(_room(axes, direction)), 2))))
    axis.set_major_formatter(FuncFormatter(short_number))
    axis.set_minor_locator(NullLocator())


def _room(axes: Axes, direction: str) -> float:
    """How many numbers fit beside each other along an axis."""
    room = axes.bbox.height / 0.25 if direction == "y" else axes.bbox.width / 0.55
    return float(room / axes.figure.dpi)


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """The finest round numbers from `low` to `high`, at most `most`: 1, 2, 5 or 1, 3 a decade, else whole decades."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for steps in ((1, 2, 5), (1, 3)):
        ticks = [float(f"{step}e{power}") for power in range(first, last + 1) for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if 0 < len(ticks) <= most:
            return ticks
    for stride in range(1, last - first + 1):
        powers = range(-(-first // stride) * stride, last + 1, stride)
        ticks = [tick for tick in (float(f"1e{power}") for power in powers) if low <= tick <= high]
        if 0 < len(ticks) <= most:
            return ticks
    return [low]


def label_width(labels: Sequence[str]) -> float:
    """Inches that names at the left of an axis need; rather too many, since the reader's font is not known."""
    return 0.2 + 0.072 * max(map(len, labels), default=1)


def name_rows(axes: Axes, labels: Sequence[str]) -> None:
    """One row per name, the first on top, the names at the left."""
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels, color=INK)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")


def numbers_width(texts: Sequence[str]) -> float:
    """Inches that `numbers_at_right` needs."""
    return 0.16 + 0.078 * max(map(len, texts), default=1)


def numbers_at_right(axes: Axes, texts: Sequence[str]) -> None:
    """A text right of each row."""
    for place, text in enumerate(texts):
        axes.text(1.02, place, text, transform=axes.get_yaxis_transform(), va="center", color=INK, fontsize=8)


def linear_values(axes: Axes, direction: str = "y") -> None:
    """A linear value axis with few plain numbers, as many as there is room for."""
    axis = axes.yaxis if direction == "y" else axes.xaxis
    axis.set_major_locator(
        MaxNLocator(min(5, max(round(_room(axes, direction)), 2)), steps=[1, 2, 2.5, 5, 10])
    )
    axis.set_major_formatter(FuncFormatter(short_number))


def short_number(value: float, _position: int | None = None) -> str:
    """A number for an axis: 0.05, 3, 1.5k, 20M, 3e12."""
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if limit * 0.9995 <= abs(value) < 0.9995e9:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def plain(value: float) -> str:
    """A number for a table: 3,161 or 0.957."""
    return f"{value:,.0f}" if 999.5 <= abs(value) < 1e7 else f"{value:.3g}"


def handle(look: Look) -> Line2D:
    """A learner's line and marker for a legend."""
    return Line2D(
        [], [], color=look.colour, marker=look.marker, markersize=4.5, linewidth=1.4, label=look.label
    )


def handles(looks: Sequence[Look]) -> list[Line2D]:
    """One entry per learner in colour; several in grey share one, since a name on hover tells them apart."""
    loud = [handle(look) for look in looks if not look.quiet]
    return [*loud, *in_grey([look.label for look in looks if look.quiet])]


def in_grey(labels: Sequence[str]) -> list[Line2D]:
    """One entry of a legend for all these learners, none where there are none."""
    label = labels[0] if len(labels) == 1 else f"{len(labels)} more, in grey"
    return [Line2D([], [], color=GREY, linewidth=1.0, label=label)] if labels else []


def stroke(look: Look) -> dict[str, Any]:
    """How a learner's line is drawn: those in grey are thin, without markers, and lie below the others."""
    if look.quiet:
        return {"color": look.colour, "linewidth": 0.8, "alpha": 0.7, "zorder": 1.8}
    return {"color": look.colour, "linewidth": 1.4, "marker": look.marker, "markersize": 4, "zorder": 2.2}


def legend_height(labels: Sequence[str]) -> float:
    """Inches that `legend_below` needs."""
    return -(-len(labels) // _columns(labels)) * LEGEND_ROW + 0.08


def legend_below(canvas: MplFigure, handles: Sequence[Any]) -> None:
    """A legend under the axes, never over data."""
    labels = [str(each.get_label()) for each in handles]
    canvas.legend(
        handles=list(handles),
        labels=labels,
        loc="lower left",
        bbox_to_anchor=(0.0, 0.0),
        ncols=_columns(labels),
        frameon=False,
        borderaxespad=0.2,
        handlelength=1.6,
        columnspacing=1.0,
        labelspacing=0.35,
    )


def _columns(labels: Sequence[str]) -> int:
    longest = max(map(len, labels), default=1)
    return 3 if longest <= 14 else 2 if longest <= 22 else 1
