"""One figure of the report on axes of the caller's: for notebooks, and for people who make their own figures."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.lines import Line2D

from nogd.errors import UserError, did_you_mean
from nogd.plugins.registry import Entry
from nogd.report.drawing.canvas import house_style, in_grey
from nogd.report.drawing.style import GREY
from nogd.report.figure import Comparison, Figure
from nogd.report.forms.sections import HasFigures, figure_entries, loaded
from nogd.report.numbers.tables import ResultsLike

_ROW = 0.27
_HEIGHT = 3.4


def plot(
    results: ResultsLike,
    name: str,
    ax: Axes | None,
    options: Mapping[str, Any],
    plugins: HasFigures | None = None,
) -> Axes:
    """Draw the figure `name` into `ax`, or into new axes of pyplot's with a legend; returns the axes.

    Raises UserError where no figure has that name, it offers no axes, or an option does not fit.
    """
    figure = _figure(name, figure_entries(plugins))
    _check_options(figure, options)
    comparison = Comparison.of(results)
    if comparison.runs.empty:
        raise UserError("there are no runs to draw yet.")
    if ax is None:
        return _on_new_axes(figure, comparison, options)
    with mpl.rc_context({"text.parse_math": False}):  # a learner may be called "$x$"
        _draw(figure, ax, comparison, options)
    return ax


def _draw(figure: Figure, axes: Axes, comparison: Comparison, options: Mapping[str, Any]) -> None:
    if figure.draw_on is not None:
        figure.draw_on(axes, comparison, **options)


def _on_new_axes(figure: Figure, comparison: Comparison, options: Mapping[str, Any]) -> Axes:
    from matplotlib import pyplot as plt  # a notebook shows pyplot's figures by itself

    with house_style():
        canvas, axes = plt.subplots(figsize=(6.4, _HEIGHT), layout="constrained", facecolor="white")
        try:
            _draw(figure, axes, comparison, options)
        except BaseException:
            plt.close(canvas)
            raise
        handles = _entries(axes)
        if handles:
            axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)
        canvas.set_figheight(max(_HEIGHT, 0.9 + _ROW * max(len(handles), len(axes.get_yticks()))))
    return axes


def _entries(axes: Axes) -> list[Any]:
    """What the legend tells: all learners in grey have one entry, as in the report."""
    found = axes.get_legend_handles_labels()[0]
    quiet = [
        handle for handle in found if isinstance(handle, Line2D) and same_color(handle.get_color(), GREY)
    ]
    return [
        *(handle for handle in found if handle not in quiet),
        *in_grey([str(handle.get_label()) for handle in quiet]),
    ]


def _figure(name: str, entries: Iterable[Entry]) -> Figure:
    by_name = {entry.name: entry for entry in entries}
    if name not in by_name:
        known = ", ".join(sorted(by_name))
        raise UserError(f"no figure is named {name!r}{did_you_mean(name, by_name)} Figures: {known}.")
    figure = loaded(by_name[name])
    if figure.draw_on is None:
        raise UserError(
            f"the figure {name!r} cannot be drawn on axes; its numbers are in results.tables(), and its picture, "
            "if it is one, in results.figures()."
        )
    return figure


def _check_options(figure: Figure, options: Mapping[str, Any]) -> None:
    parameters = inspect.signature(figure.draw_on or figure.draw).parameters.values()
    known = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            offered = f" It takes: {', '.join(known)}." if known else " It takes none."
            raise UserError(
                f"the figure {figure.name!r} has no option {option!r}{did_you_mean(option, known)}{offered}"
            )
