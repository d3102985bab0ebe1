"""Two comparisons side by side, as a page, Markdown, tables or plain text."""

from __future__ import annotations

import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from pandas import DataFrame

from nogd.report.canvas import heading, house_style, label_width, name_rows, new_canvas, place_axes
from nogd.report.look import DARK, INK, LIGHT, MUTED
from nogd.report.markdown import frame, plain_text
from nogd.report.names import short_names
from nogd.report.sections import csv_link
from nogd.report.svg import inline_svg
from nogd.report.templating import environment
from nogd.report.versus import BETTER, WORSE, Versus
from nogd.report.whole import write_whole

READING = (
    "wins: how often a run of the second is better than one of the first, on the same task; 0.5 is a tie. p: "
    "Mann-Whitney's test, p_holm: after Holm's correction for the rows of the table; below 0.05 it is called better or "
    "worse. Not shown is not the same as not there: few repetitions show only large differences."
)
_COLOURS = {BETTER: LIGHT[4], WORSE: LIGHT[1]}


def page(versus: Versus, names: tuple[str, str]) -> str:
    """One self-contained page."""
    with house_style():
        picture = "" if versus.learners.empty else inline_svg(_canvas(versus.learners), "v", finding(versus))
    tables = [("Learners, over all tasks", versus.learners), ("Learner by task", versus.cells)]
    return (
        environment(cell=_cell)
        .get_template("versus.html")
        .render(
            versus=versus,
            names=names,
            reading=READING,
            picture=picture,
            finding=finding(versus),
            tables=[(title, table, csv_link(table)) for title, table in tables if len(table)],
            light=LIGHT,
            dark=DARK,
        )
    )


def markdown(versus: Versus, names: tuple[str, str]) -> str:
    """The same for a pull request."""
    lines = [
        f"## {plain_text(versus.headline)}",
        "",
        f"First: {plain_text(names[0])}. Second: {plain_text(names[1])}.",
        "",
    ]
    lines += [f"- {plain_text(sentence)}" for sentence in versus.differences]
    for title, table in (("Learners, over all tasks", versus.learners), ("Learner by task", versus.cells)):
        if len(table):
            lines += ["", f"### {title}", "", *frame(table.map(_cell))]
    return "\n".join([*lines, "", f"<sub>{READING}</sub>"]) + "\n"


def save_tables(versus: Versus, folder: Path) -> Path:
    """learners.csv and cells.csv in a folder; returns it."""
    for name, table in (("learners", versus.learners), ("cells", versus.cells)):
        write_whole(
            folder / f"{name}.csv", table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        )
    return folder


def text(versus: Versus) -> str:
    """For the terminal: the headline, what differs, and the learners."""
    lines = [versus.headline, *(f"- {sentence}" for sentence in versus.differences)]
    if len(versus.learners):
        lines += ["", versus.learners.map(_cell).to_string(index=False)]
    return "\n".join(lines)


def finding(versus: Versus) -> str:
    """What the picture shows, in words."""
    told = [
        f"{name} {verdict} ({wins:.2f})"
        for name, wins, verdict in versus.learners[["learner", "wins", "verdict"]].itertuples(
            index=False, name=None
        )
    ]
    return f"How often the second beats the first, over all comparable tasks: {', '.join(told)}."


def _canvas(learners: DataFrame) -> Canvas:
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
