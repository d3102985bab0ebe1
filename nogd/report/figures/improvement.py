"""Probability of improvement: how likely a run of one learner beats a run of another, pair by pair."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import WIDTH, label_width, new_canvas, place_axes
from nogd.report.drawing.cells import WIN_LOSE, draw_cells, name_cells, room_for_columns
from nogd.report.drawing.style import Look, looks_of
from nogd.report.figure import Comparison, Drawn, Figure
from nogd.report.names import counted, short_name, short_names
from nogd.report.numbers.finals import matrices
from nogd.report.numbers.groups import unequal_budgets
from nogd.report.numbers.paired import (
    LEVEL,
    among_all,
    block_differences,
    difference,
    exchange_p,
    improvement_interval,
)
from nogd.report.numbers.ranking import common_group
from nogd.report.numbers.statistics import pooled_interquartile_mean

ROW, COLUMN = 0.23, 0.37
_NAME = 20
_MOST_COLUMNS = 12
_MOST_INTERVALS = 120
"""Pairs, such as of 16 learners."""
_COLUMNS = [
    *("learner", "against", "probability", "low", "high", "p", "p_all"),
    *("score_difference", "difference_low", "difference_high"),
]


def draw(comparison: Comparison) -> Drawn | str:
    """A heat map of all pairs, or why there is none."""
    table = improvement_table(comparison)
    if isinstance(table, str):
        return table
    look = looks_of(comparison, _NAME)
    rows = [learner for learner in comparison.board.table["learner"] if learner in set(table["learner"])]
    columns = _columns(rows, look)
    names = [look[learner].label for learner in columns]
    left, (above, right) = (
        label_width([look[learner].label for learner in rows]),
        room_for_columns(names, COLUMN),
    )
    canvas = new_canvas(above + ROW * len(rows) + 0.05, max(WIDTH, left + right + COLUMN * len(columns)))
    _panel(place_axes(canvas, left, right, above, 0.05), table, rows, columns, look)
    return Drawn(canvas, table, _finding(table, rows))


def draw_on(axes: Axes, comparison: Comparison) -> None:
    """The same on given axes."""
    table = improvement_table(comparison)
    if isinstance(table, str):
        raise UserError(table)
    look = looks_of(comparison, _NAME)
    rows = [learner for learner in comparison.board.table["learner"] if learner in set(table["learner"])]
    _panel(axes, table, rows, _columns(rows, look), look)


def improvement_table(comparison: Comparison) -> DataFrame | str:
    """Both directions of each pair; a sentence if none compare.

    probability with its interval, p, p_all (corrected for all pairs), and the difference of the scores with its
    interval. Of many learners only the leaderboard's first is given intervals, which take nearly all of the time.
    """
    if unequal_budgets(comparison.runs, comparison.settings):
        return "Budgets differ, so a better run need not mean a better learner: no pairs are compared."
    group = common_group(comparison)
    if group is None or len(group.learners) < 2:
        return "There are no two learners with runs on a common set of tasks to compare pair by pair."
    rows = comparison.finals[comparison.finals["task"].isin(group.tasks)]
    losses, scores = matrices(rows, "ranked"), matrices(rows, "score")
    pairs = list(combinations(group.learners, 2))
    differences = np.stack([block_differences(losses[a], losses[b]).ravel() for a, b in pairs], axis=1)
    p = exchange_p(differences)
    among = among_all(p, differences, len(group.learners))
    best = next(name for name in comparison.board.table["learner"] if name in losses)
    found = []
    for (ours, theirs), share, alone, corrected in zip(
        pairs, 0.5 + differences.sum(axis=0), p, among, strict=True
    ):
        low = high = apart = least = most = np.nan
        if len(pairs) <= _MOST_INTERVALS or best in (ours, theirs):
            rng = np.random.default_rng(zlib.crc32(f"{ours}/{theirs}".encode()))
            low, high = improvement_interval(losses[ours], losses[theirs], rng=rng)
            apart, least, most = difference(scores[ours], scores[theirs], pooled_interquartile_mean, rng=rng)
        found.append((ours, theirs, share, low, high, alone, corrected, apart, least, most))
        found.append((theirs, ours, 1 - share, 1 - high, 1 - low, alone, corrected, -apart, -most, -least))
    return DataFrame(found, columns=_COLUMNS)


def _columns(rows: Sequence[str], look: Mapping[str, Look]) -> list[str]:
    """The learners to compare with: all, or of many those in colour."""
    return (
        list(rows) if len(rows) <= _MOST_COLUMNS else [learner for learner in rows if not look[learner].quiet]
    )


def _panel(
    axes: Axes, table: DataFrame, rows: list[str], columns: list[str], look: Mapping[str, Look]
) -> None:
    shares = table.pivot(index="learner", columns="against", values="probability").reindex(
        index=rows, columns=columns
    )
    p = table.pivot(index="learner", columns="against", values="p_all").reindex(index=rows, columns=columns)
    values = shares.to_numpy(dtype=float)
    texts = [
        [_text(share, adjusted) for share, adjusted in zip(line, p_line, strict=True)]
        for line, p_line in zip(values, p.to_numpy(dtype=float), strict=True)
    ]
    draw_cells(axes, values, texts, WIN_LOSE)
    labels = [[look[learner].label for learner in names] for names in (rows, columns)]
    name_cells(axes, labels[0], short_names(labels[1], _NAME))


def _text(share: float, adjusted: float) -> str:
    if math.isnan(share):
        return ""
    return f"{share:.0%}{'*' if adjusted < LEVEL else ''}"


def _finding(table: DataFrame, rows: Sequence[str]) -> str:
    sure = table[(table["p_all"] < LEVEL) & (table["probability"] > 0.5)]
    said = f"{len(sure)} of {counted(len(table) // 2, 'pair')} differ beyond chance."
    if len(rows) < 2:
        return said
    row = table[(table["learner"] == rows[0]) & (table["against"] == rows[1])].iloc[0]
    how = "beyond chance" if row["p_all"] < LEVEL else "not beyond chance"
    interval = "" if math.isnan(row["low"]) else f" (95 % interval {row['low']:.0%} to {row['high']:.0%})"
    return (
        f"A run of {short_name(rows[0])} beats one of {short_name(rows[1])} with probability {row['probability']:.0%}"
        f"{interval}, {how}. {said}"
    )


FIGURE = Figure(
    name="improvement",
    title="Probability of improvement",
    reading=(
        (
            "A number says how often a run of the learner on the left ends better than one of the learner above, on "
            "test data (training data where a task has no split), averaged over tasks. Blue: more often better; "
            "orange: more often worse. A failed run loses to any other."
        ),
        (
            "* marks pairs that differ beyond chance: an exact test that exchanges runs with the same start, corrected "
            "for all pairs (Tukey), 5 %. It says how often, not by how much (the data have the differences of the "
            "scores), and for these tasks only."
        ),
    ),
    draw=draw,
    summary="how often a run of one learner beats a run of another",
    order=50,
    draw_on=draw_on,
)
