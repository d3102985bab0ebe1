"""A search as a page: which hyper-parameters mattered, where good settings lie, and all trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from pandas import DataFrame

from nogd.atomic_write import atomic_write
from nogd.report.drawing.canvas import (
    heading,
    house_style,
    label_width,
    linear_values,
    name_rows,
    new_canvas,
    numbers_at_right,
    place_axes,
)
from nogd.report.drawing.style import GREY, INK, LIGHT, MUTED
from nogd.report.figure import Drawn
from nogd.report.forms.leaflet import Leaflet, page
from nogd.report.names import counted, short_name, short_names
from nogd.report.numbers.statistics import FloatArray
from nogd.tuning.dimension import OUTSIDE, Dimension
from nogd.tuning.importance import ENOUGH, importance
from nogd.tuning.search import Trial

_GAP = 1.0
"""Inches between two hyper-parameters."""
_DEFAULT = "default"
_GOOD = 0.2
"""The share of trials that are brought out."""


def write_page(done: Sequence[Trial], space: Sequence[Dimension], subject: str, path: Path) -> Path:
    """Write the page of a search, and return its path.

    :param done: the trials, at least one.
    :param space: the hyper-parameters that were searched, at least one.
    :param subject: what was searched on what, for the headline.
    :param path: of the page.
    :raises StoreError: if it cannot be written.
    """
    with house_style():
        return atomic_write(path, page(_leaflet(done, space, subject)))


def _leaflet(done: Sequence[Trial], space: Sequence[Dimension], subject: str) -> Leaflet:
    shares, data = importance(done, space), _data(done)
    return Leaflet(
        "nogd: a search for hyper-parameters",
        f"{counted(len(done), 'trial')} of {subject}",
        _notes(done, shares),
        [*([_important(shares)] if shares else []), _parallel(done, space)],
        [("Trials", data.map(_told), data)],
    )


def _notes(done: Sequence[Trial], shares: Mapping[str, float]) -> list[str]:
    best = min(done, key=lambda trial: trial.worth.value)
    found = (
        f"Best: trial {best.number}, {best.use}, with a validation loss of {best.worth.value:.4g} (1 = as at the "
        f"start, 0 = none left); trial 1, the defaults where the ranges hold them, came to {done[0].worth.value:.4g}."
    )
    judged = (
        "Trials are judged by validation data alone. The best of many looks a little better than it is: judge it by a "
        "new 'nogd run'."
    )
    return [found, judged, *([] if shares else [_why_no_importance(done)])]


def _why_no_importance(done: Sequence[Trial]) -> str:
    if len(done) < ENOUGH:
        return f"Which hyper-parameters matter is told from {ENOUGH} trials on; there are {len(done)}."
    return "All trials came to the same, so nothing that was searched here matters."


def _told(value: object) -> object:
    return _DEFAULT if value is None else value


def _data(done: Sequence[Trial]) -> DataFrame:
    return DataFrame(
        [
            {"trial": trial.number, "validation": trial.worth.value, **trial.settings}
            | {"forwards": trial.worth.forwards, "failed": trial.worth.failed, "use": trial.use}
            for trial in done
        ],
        dtype=object,  # else a default of None becomes a number that is none
    )


def _important(shares: Mapping[str, float]) -> Drawn:
    labels = short_names(shares, 24)
    canvas = new_canvas(0.65 + 0.25 * len(labels))
    axes = place_axes(canvas, label_width(labels), 0.5, 0.3, 0.3)
    axes.barh(range(len(labels)), list(shares.values()), height=0.6, color=LIGHT[0])
    name_rows(axes, labels)
    numbers_at_right(axes, [f"{share:.0%}" for share in shares.values()])
    axes.set_xlim(0.0, 1.0)
    linear_values(axes, "x")
    heading(axes, "share of what differs between trials")
    told = ", ".join(f"{short_name(name, 40)} {share:.0%}" for name, share in shares.items())
    return Drawn(
        canvas,
        DataFrame({"hyper-parameter": list(shares), "importance": list(shares.values())}),
        f"Importance by functional ANOVA of the trials' ranks, each hyper-parameter by itself: {told}. It holds for "
        "the ranges that were searched; with few trials it is rough.",
        title="Hyper-parameter importance",
    )


def _parallel(done: Sequence[Trial], space: Sequence[Dimension]) -> Drawn:
    """Each trial as a line through its settings, to what it came to; the best are in colour."""
    worths = np.array([trial.worth.value for trial in done])
    good = max(1, round(_GOOD * len(done)))
    ahead = set(np.argsort(worths, kind="stable")[:good].tolist())
    canvas = new_canvas(3.2, 0.9 + _GAP * len(space) + 0.6)
    axes = place_axes(canvas, 0.45, 0.6, 0.55, 0.35)
    for place in np.argsort(-worths, kind="stable").tolist():
        heights = [each.place(done[place].settings[each.name]) for each in space]
        best = place in ahead
        axes.plot(
            [*heights, _height(worths, place)],
            color=LIGHT[0] if best else GREY,
            linewidth=1.6 if best else 0.8,
            alpha=0.9 if best else 0.4,
        )
    _label(axes, space, worths)
    return Drawn(canvas, _data(done), _finding(done, space, ahead), title="Parallel coordinates")


def _height(worths: FloatArray, place: int) -> float:
    """The rank of a trial as a height, the best on top."""
    ranks = np.unique(worths, return_inverse=True)[1]
    return 1.0 - float(ranks[place]) / max(float(ranks.max()), 1.0)


def _label(axes: Axes, space: Sequence[Dimension], worths: FloatArray) -> None:
    """A vertical line for each hyper-parameter with its name above and its ends, and one for the worth."""
    floor = 1.5 * OUTSIDE if any(each.optional for each in space) else -0.06
    axes.set_ylim(floor, 1.06)
    axes.set_xlim(-0.1, len(space) + 0.1)
    axes.set_axis_off()
    ends = [(each.name, (_DEFAULT if each.optional else each.ends[0], each.ends[1])) for each in space]
    ends.append(("validation", (f"{worths.max():.3g}", f"{worths.min():.3g}")))
    for place, (name, (low, high)) in enumerate(ends):
        axes.plot([place, place], [floor, 1.06], color=MUTED, linewidth=0.9, zorder=1)
        for text, height, shift, size in (
            (name, 1.06, 14, 8.5),
            (high, 1.06, 3, 7.5),
            (low, floor, -10, 7.5),
        ):
            _write(axes, short_name(text, 14), (place, height), (0, shift), fontsize=size, ha="center")
    for place, each in enumerate(space):
        if each.optional:
            _write(axes, each.ends[0], (place, 0.0), (4, 0), fontsize=7.5, va="center")


def _write(axes: Axes, text: str, place: tuple[float, float], shift: tuple[float, float], **how: Any) -> None:
    """A text so many points from a place."""
    axes.annotate(text, place, xytext=shift, textcoords="offset points", color=INK, **how)


def _finding(done: Sequence[Trial], space: Sequence[Dimension], ahead: set[int]) -> str:
    """What the picture shows, in words."""
    ranges = []
    for each in space:
        values = [done[place].settings[each.name] for place in sorted(ahead)]
        ranges.append(f"{short_name(each.name, 40)} {each.spread(values)}")
    return (
        f"A line is a trial, from its settings to its validation loss, lowest on top; blue are the best "
        f"{counted(len(ahead), 'trial')} of {len(done)}. They have {', '.join(ranges)}."
    )
