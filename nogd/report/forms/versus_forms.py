"""Two comparisons side by side, as a page, PDF, Markdown, tables or plain text."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path

import jinja2
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from pandas import DataFrame

from nogd.atomic_write import atomic_write
from nogd.report.drawing.canvas import heading, house_style, label_width, name_rows, new_canvas, place_axes
from nogd.report.drawing.style import DARK, INK, LIGHT, MUTED
from nogd.report.drawing.svg import inline_svg
from nogd.report.forms.markdown import folded, frame, plain_text
from nogd.report.forms.pdf_pages import Sheet, bound, front_sheet, picture_sheet, table_sheets
from nogd.report.forms.sections import csv_link
from nogd.report.forms.templating import environment
from nogd.report.names import short_name, short_names
from nogd.report.numbers.formats import interval_text
from nogd.report.numbers.versus import BETTER, VERDICTS, WORSE, Versus

READING = (
    (
        "Second wins: how often a run of the second is better than one of the first on the same task, 0.5 being a tie. "
        "Score change: the second's score minus the first's. Both over all tasks, with 95 % bootstrap intervals, each "
        "for itself and not corrected for their number."
    ),
    (
        "Better or worse is said where p is below 0.05: an exact test that exchanges runs with the same start, after "
        "Holm's correction for the rows of the table. Not shown is not the same as not there: few repetitions show "
        "only large differences."
    ),
)
_SIGNS = {BETTER: "▲ ", WORSE: "▼ "}
_COLOURS = {BETTER: LIGHT[4], WORSE: LIGHT[1]}


def page(versus: Versus, names: tuple[str, str]) -> str:
    """One self-contained page."""
    with house_style():
        picture = (
            ""
            if versus.learners.empty
            else inline_svg(_canvas(_ordered(versus.learners)), "v", finding(versus))
        )
    return _template().render(
        versus=versus,
        names=names,
        reading=READING,
        picture=picture,
        finding=finding(versus),
        tables=[(title, shown, csv_link(table)) for title, shown, table in _tables(versus)],
        light=LIGHT,
        dark=DARK,
    )


@functools.cache
def _template() -> jinja2.Template:
    return environment(cell=_cell, short=short_name).get_template("versus.html")


def markdown(versus: Versus, names: tuple[str, str]) -> str:
    """The same for a pull request."""
    lines = [
        f"## {plain_text(versus.headline)}",
        "",
        f"First: {plain_text(names[0])}. Second: {plain_text(names[1])}.",
        "",
    ]
    lines += [f"- {plain_text(sentence)}" for sentence in versus.remarks]
    if len(versus.learners):
        lines += ["", *frame(_shown_learners(versus.learners).map(_cell))]
    if len(versus.cells):
        lines += folded("Learner by task", _shown_cells(versus.cells).map(_cell))
    return "\n".join([*lines, "", f"<sub>{' '.join(READING)}</sub>"]) + "\n"


def pdf(versus: Versus, names: tuple[str, str]) -> bytes:
    """The same as PDF; equal comparisons give equal bytes."""
    return bound(_sheets(versus, names), versus.headline)


def _sheets(versus: Versus, names: tuple[str, str]) -> Iterator[Sheet]:
    yield front_sheet(versus.headline, [f"First: {names[0]}", f"Second: {names[1]}", *versus.remarks])
    if len(versus.learners):
        words = [finding(versus), *READING]
        yield picture_sheet(_canvas(_ordered(versus.learners)), "How often the second is better", words)
    for title, shown, _ in _tables(versus):
        yield from table_sheets(title, shown.map(_cell))


def _tables(versus: Versus) -> list[tuple[str, DataFrame, DataFrame]]:
    """Each table's title, how it is shown, and its data; a table without rows is left out."""
    found = [
        ("Learners, over all tasks", _shown_learners(versus.learners), versus.learners),
        ("Learner by task", _shown_cells(versus.cells), versus.cells),
    ]
    return [each for each in found if len(each[2])]


def _shown_learners(table: DataFrame) -> DataFrame:
    shown = _told(table)
    bands = [
        "" if math.isnan(low) else f"\n{low:.2f}\u00a0to\u00a0{high:.2f}"
        for low, high in shown[["low", "high"]].itertuples(index=False, name=None)
    ]
    shown["second wins"] += bands
    shown["score change"] = [
        "-"
        if math.isnan(change)
        else f"{change:+.2f}" + ("" if math.isnan(low) else f"\n{interval_text(low, high)}")
        for change, low, high in shown[["score_change", "change_low", "change_high"]].itertuples(
            index=False, name=None
        )
    ]
    return shown[["learner", "verdict", "second wins", "score change", "p (Holm)", "tasks"]]


def _shown_cells(table: DataFrame) -> DataFrame:
    shown = _told(table)
    columns = ["learner", "task", "verdict", "first", "second", "second wins", "p (Holm)", "metric", "runs"]
    return shown[[*columns, *(["why"] if shown["why"].astype(bool).any() else [])]]


def _told(table: DataFrame) -> DataFrame:
    """What changed comes first, its verdict with a sign."""
    shown = _ordered(table).rename(columns={"p_holm": "p (Holm)"})
    shown["verdict"] = [f"{_SIGNS.get(verdict, '')}{verdict}" for verdict in shown["verdict"]]
    shown["second wins"] = shown["wins"].map("{:.2f}".format)
    return shown


def _ordered(table: DataFrame) -> DataFrame:
    """What changed comes first."""
    return table.iloc[table["verdict"].map(VERDICTS.index).argsort(kind="stable")]


def save_tables(versus: Versus, folder: Path) -> Path:
    """learners.csv and cells.csv in a folder; returns it."""
    for name, table in (("learners", versus.learners), ("cells", versus.cells)):
        atomic_write(
            folder / f"{name}.csv", table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        )
    return folder


def text(versus: Versus) -> str:
    """For the terminal: the headline, what differs, and the learners."""
    lines = [versus.headline, *(f"- {sentence}" for sentence in versus.remarks)]
    if len(versus.learners):
        shown = _shown_learners(versus.learners)
        cells = shown.assign(learner=shown["learner"].map(lambda name: short_name(name, 40))).map(_cell)
        lines += ["", cells.map(lambda cell: cell.replace("\n", "  ")).to_string(index=False)]
    return "\n".join(lines)


def finding(versus: Versus) -> str:
    """What the picture shows, in words."""
    table = _ordered(versus.learners)
    told = [
        f"{short_name(name, 40)} {wins:.2f} ({verdict})"
        for name, wins, verdict in table[["learner", "wins", "verdict"]].itertuples(index=False, name=None)
    ]
    return f"How often the second beats the first, over all comparable tasks: {', '.join(told)}."


def _canvas(learners: DataFrame) -> MplFigure:
    labels = short_names(learners["learner"], 24)
    canvas = new_canvas(0.75 + 0.25 * len(labels))
    axes = place_axes(canvas, label_width(labels), 0.2, 0.3, 0.42)
    _draw(axes, learners)
    name_rows(axes, labels)
    heading(axes, "how often the second is better (further right)")
    axes.set_xlabel("0.5: as often as not", labelpad=1)
    return canvas


def _draw(axes: Axes, learners: DataFrame) -> None:
    axes.axvline(0.5, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    for place, row in enumerate(learners.to_dict("records")):
        colour = _COLOURS.get(row["verdict"], INK)
        if math.isfinite(row["low"]):
            axes.hlines(place, row["low"], row["high"], color=colour, linewidth=1.4)
        axes.plot([row["wins"]], [place], marker="o", markersize=6, color=colour)
    axes.set_xlim(-0.03, 1.03)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return (
            "-"
            if math.isnan(value)
            else f"{value:,.4g}"
            if abs(value) >= 1e-3 or value == 0
            else f"{value:.1e}"
        )
    return str(value)
