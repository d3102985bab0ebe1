"""What a score costs: each learner's score against its seconds and its peak memory, with those that nobody beats."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import (
    handles,
    heading,
    legend_below,
    legend_height,
    linear_values,
    log_values,
    new_canvas,
    place_axes,
    plain,
)
from nogd.report.drawing.style import MUTED, Look, looks_of
from nogd.report.drawing.svg import named
from nogd.report.figure import Comparison, Drawn, Figure, choice
from nogd.report.figures.scores import FARTHEST, NO_SCALE
from nogd.report.names import listed, short_name
from nogd.report.numbers.finals import applicable, finite
from nogd.report.numbers.formats import score_text
from nogd.report.numbers.hosts import on_one_clock
from nogd.report.numbers.pareto import on_front

HEIGHT = 2.2
_LEDGERS = {"seconds": "seconds", "peak memory": "memory_mb"}
_UNITS = {"seconds": "seconds per run", "peak memory": "peak memory of the process, MB"}
NO_COST = "No learner here has both a score and a measured cost."


def draw(comparison: Comparison) -> list[Drawn] | str:
    """A drawing for each ledger that was measured, or why there is none."""
    tables = _tables(comparison)
    if isinstance(tables, str):
        return tables
    look = looks_of(comparison)
    return [_drawn(ledger, table, look) for ledger, table in tables.items()]


def draw_on(axes: Axes, comparison: Comparison, *, by: str = "seconds") -> None:
    """One ledger's on given axes; by: "seconds" or "peak memory"."""
    tables = _tables(comparison)
    if isinstance(tables, str):
        raise UserError(tables)
    _plot(axes, choice("by", by, list(tables)), tables[by], looks_of(comparison))


def _tables(comparison: Comparison) -> dict[str, DataFrame] | str:
    if not comparison.board.table["score"].notna().any():
        return NO_SCALE
    found = {ledger: against(comparison, ledger) for ledger in _LEDGERS}
    return {ledger: table for ledger, table in found.items() if len(table)} or NO_COST


def against(comparison: Comparison, ledger: str) -> DataFrame:
    """Learner, mean cost of a run, score and whether on the Pareto front, the cheapest first.

    Costs are those of the runs on the tasks that scores are over.
    """
    board = comparison.board
    runs = applicable(comparison.runs)
    if board.common:
        runs = runs[runs["task"].isin(board.tasks)]
    if ledger == "seconds":
        runs = on_one_clock(comparison, runs)
    costs = runs.assign(cost=finite(runs, _LEDGERS[ledger])).groupby("learner")["cost"].mean()
    table = board.table[["learner", "score"]].assign(cost=board.table["learner"].map(costs))
    table = table[np.isfinite(table["score"]) & (table["cost"] > 0)]
    front = on_front(table["cost"].to_numpy(dtype=float), table["score"].to_numpy(dtype=float))
    ordered: DataFrame = (
        table.assign(on_front=front).sort_values(["cost", "learner"], kind="stable").reset_index(drop=True)
    )
    return ordered


def _drawn(ledger: str, table: DataFrame, look: Mapping[str, Look]) -> Drawn:
    entries = handles([look[learner] for learner in table["learner"]])
    below = legend_height([str(each.get_label()) for each in entries])
    canvas = new_canvas(0.3 + HEIGHT + 0.4 + below)
    _plot(place_axes(canvas, 0.52, 0.16, 0.3, below + 0.4), ledger, table, look)
    legend_below(canvas, entries)
    return Drawn(canvas, table, _finding(ledger, table), title=ledger)


def _plot(axes: Axes, ledger: str, table: DataFrame, look: Mapping[str, Look]) -> None:
    front = table[table["on_front"]]
    scores = front["score"].clip(*FARTHEST)
    axes.plot(front["cost"], scores, color=MUTED, linewidth=0.9, drawstyle="steps-post", zorder=1)
    for row in table.to_dict("records"):
        style = look[row["learner"]]
        score = float(np.clip(row["score"], *FARTHEST))
        drawn = axes.plot(
            [row["cost"]],
            [score],
            color=style.colour,
            marker=style.marker,
            markersize=4 if style.quiet else 6.5,
            zorder=2 if style.quiet else 3,
            label=style.label,
        )
        named(drawn, row["learner"])
    low, high = float(table["cost"].min()), float(table["cost"].max())
    axes.set_xlim(low / 1.3, high * 1.3)
    log_values(axes, "x")
    linear_values(axes)
    axes.set_xlabel(f"{_UNITS[ledger]}, log scale", labelpad=1)
    heading(axes, "normalised score (further up and left is better)")


def _finding(ledger: str, table: DataFrame) -> str:
    front = [
        f"{short_name(row['learner'])} (score {score_text(row['score'])} at {plain(row['cost'])})"
        for row in table[table["on_front"]].to_dict("records")
    ]
    return f"Score against {_UNITS[ledger]}; nobody is both better and cheaper than {listed(front, 5)}."


FIGURE = Figure(
    name="score-against-cost",
    title="Score against cost: Pareto fronts",
    reading=(
        (
            "A point is a learner's normalised score and the mean cost of its runs on the same tasks. The line is the "
            "Pareto front: whoever is below or right of it is beaten by another that is at least as good and as cheap."
        ),
        (
            "Seconds and memory depend on the machine and its load; the memory is that of the whole process, with "
            "Python and its libraries. Points at the upper or lower edge lie beyond it."
        ),
    ),
    draw=draw,
    summary="score against seconds and peak memory, with Pareto fronts",
    order=34,
    draw_on=draw_on,
)
