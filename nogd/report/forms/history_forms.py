"""The history of one learner over several stores, as a page, PDF, Markdown, tables or plain text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

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
    numbers_width,
    place_axes,
)
from nogd.report.drawing.style import INK, LIGHT, MUTED
from nogd.report.figure import Drawn
from nogd.report.forms.leaflet import Leaflet, page
from nogd.report.forms.markdown import frame, plain_text
from nogd.report.forms.pdf_pages import Sheet, bound, front_sheet, picture_sheet, table_sheets
from nogd.report.names import counted, short_name, short_names
from nogd.report.numbers.formats import interval_text, score_text
from nogd.report.numbers.history import History
from nogd.report.numbers.versus import BETTER, WORSE

_SIGNS = {BETTER: "▲ ", WORSE: "▼ "}
_COLOURS = {BETTER: LIGHT[4], WORSE: LIGHT[1]}
_WIDTH, _MOST = 7.5, 3.0
"""Inches of the canvas; a score beyond so much is drawn at the edge."""
READING = (
    (
        "Score: 0 is the best constant predictor, 1 the frozen reference; interquartile mean over the tasks that all "
        "stores have on one scale, with its 95 % bootstrap interval. The oldest store comes first."
    ),
    (
        "Better or worse is said against the store before: an exact test that exchanges runs with the same start, over "
        "the tasks that both have, after Holm's correction for the rows of the table. Not shown is not the same as not "
        "there."
    ),
)


def html(history: History) -> str:
    """One self-contained page."""
    with house_style():
        return page(
            Leaflet(
                "nogd: the history of a learner",
                history.headline,
                [*_notes(history), *READING],
                [drawn(history)],
                [("Stores, the oldest first", _shown(history.table), history.table)],
            )
        )


def markdown(history: History) -> str:
    """The same for a pull request."""
    lines = [
        f"## {plain_text(history.headline)}",
        "",
        *(f"- {plain_text(note)}" for note in _notes(history)),
        "",
    ]
    return "\n".join([*lines, *frame(_shown(history.table)), "", f"<sub>{' '.join(READING)}</sub>"]) + "\n"


def pdf(history: History) -> bytes:
    """The same as PDF; equal histories give equal bytes."""
    return bound(_sheets(history), history.headline)


def _sheets(history: History) -> Iterator[Sheet]:
    yield front_sheet(history.headline, _notes(history))
    picture = drawn(history)
    if picture.figure is not None:
        yield picture_sheet(picture.figure, picture.title, [picture.alt, *READING])
    yield from table_sheets("Stores, the oldest first", _shown(history.table))


def save_table(history: History, path: Path) -> Path:
    """The table as CSV; returns the path."""
    text = history.table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return atomic_write(path, text)


def text(history: History) -> str:
    """For the terminal: the headline, what else to know, and the table."""
    shown = _shown(history.table)
    shown["store"] = short_names(shown["store"], 30)
    return "\n".join(
        [history.headline, *(f"- {note}" for note in _notes(history)), "", shown.to_string(index=False)]
    )


def _notes(history: History) -> list[str]:
    left = ", ".join(short_names(history.left_out, 40))
    why = "some store lacks them, or they have no score or another scale there"
    known = history.table["score"].notna().any()
    return [
        f"Score over {counted(len(history.tasks), 'task')}: {', '.join(short_names(history.tasks, 40))}."
        if known
        else "No task has a score in all stores, so only wins tell what changed.",
        *([f"Left out of the score: {left}; {why}."] if left else []),
    ]


def _shown(table: DataFrame) -> DataFrame:
    rows = table.to_dict("records")
    return DataFrame(
        {
            "store": [short_name(row["store"], 80) for row in rows],
            "made": [row["made"].replace("T", " ") or "-" for row in rows],
            "revision": [short_name(row["revision"], 20) if row["revision"] else "-" for row in rows],
            "version": [short_name(row["version"], 40) if row["version"] else "-" for row in rows],
            "score": [score_text(row["score"]) for row in rows],
            "interval": [interval_text(row["score_low"], row["score_high"]) for row in rows],
            "against the one before": [f"{_SIGNS.get(row['verdict'], '')}{row['verdict']}" for row in rows],
            "wins": [_number(row["wins"], ".2f") for row in rows],
            "p (Holm)": [_number(row["p_holm"], ".2g") for row in rows],
            "runs": [str(row["runs"]) for row in rows],
            "failed": [str(row["failed"]) for row in rows],
        }
    )


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else f"{value:{form}}"


def drawn(history: History) -> Drawn:
    """The score of each store with its interval, the oldest on top."""
    table = history.table
    labels = _labels(table)
    ends = [score_text(score) for score in table["score"]]
    canvas = new_canvas(0.75 + 0.25 * len(labels), _WIDTH)
    axes = place_axes(canvas, label_width(labels), numbers_width(ends), 0.3, 0.42)
    _draw(axes, table)
    name_rows(axes, labels)
    numbers_at_right(axes, ends)
    heading(axes, "normalised score (0 constant predictor, 1 reference)")
    return Drawn(canvas, table, _finding(table), title="Score from store to store")


def _labels(table: DataFrame) -> list[str]:
    """Each store's day and name."""
    names = short_names(table["store"], 28)
    return [f"{made[:10]} {name}".strip() for made, name in zip(table["made"], names, strict=True)]


def _draw(axes: Axes, table: DataFrame) -> None:
    values = table[["score", "score_low", "score_high"]].to_numpy(dtype=float)
    seen = np.clip(values, -_MOST, _MOST)
    places = np.arange(len(table))
    axes.plot(seen[:, 0], places, color=MUTED, linewidth=1.0, zorder=1.5)
    for place, (verdict, (score, low, high)) in enumerate(zip(table["verdict"], seen, strict=True)):
        colour = _COLOURS.get(verdict, INK)
        axes.hlines(place, low, high, color=colour, linewidth=1.6)
        axes.plot([score], [place], marker="o", markersize=6, color=colour)
    known = [*seen[np.isfinite(seen)].tolist(), 0.0, 1.0]
    margin = 0.04 * (max(known) - min(known))
    axes.set_xlim(min(known) - margin, max(known) + margin)
    linear_values(axes, "x")


def _finding(table: DataFrame) -> str:
    """What the picture shows, in words."""
    told = [
        f"{name} {score_text(score)} ({verdict})"
        for name, score, verdict in zip(
            short_names(table["store"], 40), table["score"], table["verdict"], strict=True
        )
    ]
    return f"Score with its interval, the oldest store first: {', '.join(told)}."
