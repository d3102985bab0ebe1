"""Pictures in nogd's own style, as elements of a page: their colours follow the page's light or dark scheme."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure

from nogd.plugins.manager import plugins
from nogd.report.drawing.canvas import (
    house_style,
    label_width,
    name_rows,
    new_canvas,
    numbers_at_right,
    place_axes,
)
from nogd.report.drawing.style import DARK, LIGHT
from nogd.report.drawing.svg import inline_svg
from nogd.report.figure import Comparison, Drawn
from nogd.report.results import Results


def curves(results: Results, task: str, name: str) -> str:
    """The report's learning curves of one task."""
    figure = plugins().figures.find("learning-curves").load()
    with house_style():
        drawn: list[Drawn] = figure.draw(Comparison.of(results))
        (shown,) = [each for each in drawn if each.title == task]
        assert shown.figure is not None
        return picture(shown.figure, f"curve-{name}", shown.alt)


def picture(canvas: MplFigure, prefix: str, alt: str) -> str:
    """A canvas as an element; call it inside of `house_style()`."""
    return f'<div class="picture">{inline_svg(canvas, prefix, alt)}</div>'


def bars(labels: Sequence[str], values: Sequence[float], texts: Sequence[str]) -> tuple[MplFigure, Axes]:
    """Horizontal bars with a text at the right of each; call it inside of `house_style()`."""
    left = label_width(labels)
    canvas = new_canvas(0.34 * len(labels) + 0.55, width=left + 3.2)
    axes = place_axes(canvas, left, 0.75, 0.12, 0.42)
    name_rows(axes, labels)
    axes.barh(range(len(labels)), values, height=0.55, color=LIGHT[0], linewidth=0)
    numbers_at_right(axes, texts)
    return canvas, axes


def colours() -> str:
    """A style sheet: the pictures' colours have a light and a dark value; which is in force, furo's rules decide."""
    light, dark = (
        _rules(LIGHT, "#1f2328", "#5d6670", "#d9dee4", "#fefefe"),
        _rules(DARK, "#e6e9ed", "#a3adb8", "#343b44", "#14181d"),
    )
    return (
        f"body {{ {light} }}\n"
        f'body[data-theme="dark"] {{ {dark} }}\n'
        "@media (prefers-color-scheme: dark) {\n"
        f'  body:not([data-theme="light"]) {{ {dark} }}\n'
        "}\n"
    )


def _rules(palette: Sequence[str], ink: str, muted: str, grid: str, paper: str) -> str:
    named = {f"--c{place}": colour for place, colour in enumerate(palette)}
    named |= {"--ink": ink, "--muted": muted, "--grid": grid, "--paper": paper}
    return " ".join(f"{name}: {value};" for name, value in named.items())
