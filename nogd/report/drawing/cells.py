"""A grid of coloured cells with their numbers in them, for heat maps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb
from matplotlib.patches import Rectangle

from nogd.report.drawing.canvas import label_width, name_rows
from nogd.report.drawing.style import GREY, INK, MUTED
from nogd.report.numbers.statistics import FloatArray

ANGLE = 40
# Numbers stand on their cell's colour in the light and in the dark scheme, so their colours follow neither.
_DARK_INK, _LIGHT_INK = "#15181d", "#ffffff"
GOOD = LinearSegmentedColormap.from_list("good", ["#0b3c75", "#2f77bd", "#9cc4e6", "#eef3f7"])
"""From best (dark blue) to worst (near white): one hue, so that lightness alone tells."""
WIN_LOSE = LinearSegmentedColormap.from_list(
    "win-lose", ["#8a3c00", "#dd8a3c", "#f6e3cf", "#f4f4f4", "#d3e3f1", "#4b8fcb", "#0b3c75"]
)
"""Orange loses, blue wins: told apart with every kind of colour blindness, and by lightness from the middle."""


def draw_cells(axes: Axes, values: FloatArray, texts: Sequence[Sequence[str]], colours: Colormap) -> None:
    """Squares coloured by `values` (0 to 1; NaN: hatched, without colour), each with its text.

    values, texts: rows x columns.
    """
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            _cell(axes, column, row, float(value), texts[row][column], colours)
    axes.set_xlim(-0.5, values.shape[1] - 0.5)
    axes.set_ylim(values.shape[0] - 0.5, -0.5)


def _cell(axes: Axes, x: int, y: int, value: float, text: str, colours: Colormap) -> None:
    known = np.isfinite(value)
    fill = colours(value) if known else "none"
    hatch = None if known else "////"
    box = Rectangle(
        (x - 0.48, y - 0.48), 0.96, 0.96, facecolor=fill, edgecolor=GREY, linewidth=0, hatch=hatch
    )
    axes.add_patch(box)
    ink = _ink(to_rgb(fill)) if known else MUTED
    backing = (
        None if known or not text else {"boxstyle": "square,pad=0.1", "facecolor": "#fefefe", "linewidth": 0}
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=7.5, color=ink, bbox=backing)


def _ink(colour: tuple[float, float, float]) -> str:
    linear = np.where(
        np.array(colour) <= 0.04045, np.array(colour) / 12.92, ((np.array(colour) + 0.055) / 1.055) ** 2.4
    )
    return _DARK_INK if float(linear @ [0.2126, 0.7152, 0.0722]) > 0.18 else _LIGHT_INK


def room_for_columns(columns: Sequence[str], width: float) -> tuple[float, float]:
    """Inches above the cells and right of them that slanted names of columns need; width: of a column, in inches."""
    above = 0.12 + math.sin(math.radians(ANGLE)) * label_width(columns)
    slant = math.cos(math.radians(ANGLE))
    beyond = [slant * label_width([name]) - width * place for place, name in enumerate(reversed(columns))]
    return above, max([0.1, *(inches - width / 2 for inches in beyond)])


def name_cells(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Names of rows at the left, of columns above, slanted so that they have room."""
    name_rows(axes, rows)
    axes.grid(visible=False)
    axes.xaxis.tick_top()
    axes.set_xticks(
        range(len(columns)), columns, rotation=ANGLE, ha="left", rotation_mode="anchor", color=INK
    )
    for spine in axes.spines.values():
        spine.set_visible(False)
