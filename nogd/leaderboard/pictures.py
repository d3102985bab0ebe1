"""The pictures of a leaderboard: the best of each class in each field, scores against time, and sweeps."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from pandas import DataFrame

from nogd.atomic_write import atomic_write
from nogd.leaderboard.fields import ON_SURROGATE, on_surrogate
from nogd.leaderboard.plan import Sweep
from nogd.leaderboard.standing import CLASSES, Standing
from nogd.report.drawing.canvas import (
    handle,
    heading,
    label_width,
    legend_below,
    legend_height,
    linear_values,
    log_values,
    new_canvas,
    place_axes,
    short_number,
    stroke,
)
from nogd.report.drawing.cells import GOOD, draw_cells, name_cells, room_for_columns
from nogd.report.drawing.style import LIGHT, MARKERS, MUTED, looks
from nogd.report.drawing.svg import named
from nogd.report.figure import Drawn
from nogd.report.names import listed, short_name
from nogd.report.numbers.formats import score_text
from nogd.report.numbers.pareto import on_front
from nogd.report.numbers.statistics import FloatArray

_COLUMN, _ROW = 1.25, 0.46
_FARTHEST = (-1.0, 2.0)
"""Scores beyond are drawn at the edge."""


def pictures_of(standings: Sequence[Standing], sweeps: Sequence[tuple[Sweep, DataFrame]]) -> dict[str, Drawn]:
    """All pictures by the name of their file; call inside of `house_style()`.

    :param standings: those in which nobody has a score on all tasks are left out.
    :param sweeps: each with `nogd.leaderboard.sweeping.COLUMNS`.
    """
    scored = [each for each in standings if each.whole["score"].notna().any()]
    found = {"classes": best_of_each_class(scored)} if scored else {}
    for each in scored:
        gradient = "gradient" if each.field.gradient else "no-gradient"
        name = f"time-{each.field.runs_of}-{gradient}-{each.field.forwards:.0f}"
        found[re.sub(r"[^\w-]+", "-", name)] = against_time(each)
    return found | {
        f"sweep-{sweep.setting}": swept(sweep.quantity, table) for sweep, table in sweeps if len(table)
    }


def write_figures(folder: Path, pictures: Mapping[str, Drawn]) -> None:
    """Each picture as SVG; those that there were go. Raises StoreError if one cannot be written."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, each in pictures.items():
        if each.figure is not None:
            file = io.BytesIO()
            each.figure.savefig(file, format="svg", facecolor="white", metadata={"Date": None})
            atomic_write(folder / f"{name}.svg", file.getvalue())


def class_look(name: str) -> dict[str, Any]:
    """Colour and marker of a class."""
    place = CLASSES.index(name)
    return {"color": LIGHT[place % len(LIGHT)], "marker": list(MARKERS)[place]}


def best_of_each_class(standings: Sequence[Standing]) -> Drawn:
    """A grid: who is best of each class in each field, with the score."""
    classes = [name for name in CLASSES if any(each.first_of([name]) for each in standings)]
    firsts = [[each.first_of([name]) for name in classes] for each in standings]
    scores = np.array(
        [[_score(each, name) for name in line] for each, line in zip(standings, firsts, strict=True)]
    )
    texts = [
        [_cell(name, score) for name, score in zip(names, line, strict=True)]
        for names, line in zip(firsts, scores, strict=True)
    ]
    rows = [
        f"{each.field.runs_of}, {each.field.forwards:,.0f}{'' if each.field.gradient else ', no gradient'}"
        for each in standings
    ]
    above, right = room_for_columns(classes, _COLUMN)
    left = label_width(rows)
    canvas = new_canvas(above + _ROW * len(rows) + 0.05, left + right + _COLUMN * len(classes))
    axes = place_axes(canvas, left, right, above, 0.05)
    draw_cells(axes, _shade(scores), texts, GOOD)
    name_cells(axes, rows, classes)
    data = DataFrame(
        [
            {
                "class": classes[column],
                "field": each.field.name,
                "learner": firsts[row][column] or "",
                "score": scores[row, column],
            }
            for row, each in enumerate(standings)
            for column in range(len(classes))
        ]
    )
    alt = (
        "The learner with the best score of each class, from what looks at losses alone to back-propagated gradients,"
        " and its score: 0 is the best constant predictor, 1 the frozen reference. Dark is best within a row."
    )
    return Drawn(canvas, data, alt, title="The best of each class")


def _score(standing: Standing, learner: str | None) -> float:
    return float("nan") if learner is None else float(standing.row(learner)["score"])


def _cell(name: str | None, score: float) -> str:
    """The score and the name; who ran on a surrogate in a second line, so that it is not cut."""
    if name is None:
        return ""
    second = [ON_SURROGATE.strip()] if on_surrogate(name) else []
    return "\n".join([score_text(score), short_name(name.removesuffix(ON_SURROGATE), 20), *second])


def _shade(scores: FloatArray) -> FloatArray:
    """0 for the best of a row, 1 for a score of one less."""
    best = np.fmax.reduce(scores, axis=1, keepdims=True)
    return np.asarray(np.clip(best - scores, 0.0, 1.0))


def against_time(standing: Standing) -> Drawn:
    """Scores of a field against processor seconds, by class, with the Pareto front."""
    table = standing.whole.dropna(subset=["score", "cpu_seconds"])
    table = table[table["cpu_seconds"] > 0]
    shown = [name for name in CLASSES if (table["class"] == name).any()]
    entries = [Line2D([], [], linestyle="", markersize=4.5, label=name, **class_look(name)) for name in shown]
    below = legend_height(shown)
    canvas = new_canvas(0.3 + 2.4 + 0.4 + below)
    axes = place_axes(canvas, 0.52, 0.16, 0.3, below + 0.4)
    costs = table["cpu_seconds"].to_numpy(dtype=float)
    front = table[on_front(costs, table["score"].to_numpy(dtype=float))].sort_values("cpu_seconds")
    axes.plot(
        front["cpu_seconds"],
        front["score"].clip(*_FARTHEST),
        color=MUTED,
        linewidth=0.9,
        drawstyle="steps-post",
        zorder=1,
    )
    for row in table.to_dict("records"):
        score = float(np.clip(row["score"], *_FARTHEST))
        drawn = axes.plot(
            [row["cpu_seconds"]],
            [score],
            markersize=5 if row["ours"] else 3.5,
            zorder=3,
            **class_look(row["class"]),
        )
        named(drawn, row["learner"])
    axes.set_xlim(costs.min() / 1.3, costs.max() * 1.3)
    log_values(axes, "x")
    linear_values(axes)
    axes.set_xlabel("processor seconds per run, log scale", labelpad=1)
    heading(axes, "normalised score (further up and left is better)")
    legend_below(canvas, entries)
    told = [
        f"{short_name(row['learner'])} ({score_text(row['score'])} at {row['cpu_seconds']:.2g} s)"
        for row in front.to_dict("records")
    ]
    alt = f"Nobody is both better and faster than {listed(told, 6)}. Larger markers are nogd's own."
    return Drawn(canvas, table, alt, title=standing.field.name)


def swept(quantity: str, table: DataFrame) -> Drawn:
    """The score of some learners over one quantity of a task.

    :param quantity: what varies.
    :param table: `nogd.leaderboard.sweeping.COLUMNS`.
    """
    names = list(dict.fromkeys(map(str, table["learner"])))
    look = looks(names)
    values = sorted(table["value"].unique())
    below = legend_height(names)
    canvas = new_canvas(0.3 + 2.6 + 0.4 + below)
    axes = place_axes(canvas, 0.52, 0.16, 0.3, below + 0.4)
    for name in names:
        rows = table[table["learner"] == name]
        places = [values.index(value) for value in rows["value"]]
        named(axes.plot(places, rows["score"], **stroke(look[name])), name)
    axes.set_xticks(range(len(values)), [short_number(value) for value in values])
    axes.set_ylim(*_most_of(table["score"].to_numpy(dtype=float)))
    linear_values(axes)
    axes.set_xlabel(quantity, labelpad=1)
    heading(axes, "score; some lie below")
    legend_below(canvas, [handle(look[name]) for name in names])
    return Drawn(canvas, table, _ends(quantity, table), title=f"One task, by its {quantity}")


def _most_of(scores: FloatArray) -> tuple[float, float]:
    """Limits that leave out a tenth at the lower end, so that the others can be told apart."""
    low, high = np.nanquantile(scores, 0.1), np.nanmax(scores)
    margin = 0.05 * (high - low)
    return float(low - margin), float(high + margin)


def _ends(quantity: str, table: DataFrame) -> str:
    """Who is first at both ends."""
    told = []
    for value in (table["value"].min(), table["value"].max()):
        rows = table[table["value"] == value].sort_values("score", ascending=False).to_dict("records")
        told.append(
            f"at {value:g}, " + listed([f"{row['learner']} {score_text(row['score'])}" for row in rows], 4)
        )
    return f"{quantity.capitalize()}: {'; '.join(told)}."
