"""Score distributions: the share of a learner's runs that reach a score, in place of one number for all of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import handles, heading, linear_values
from nogd.report.drawing.profiles import draw_profiles, profile_canvas
from nogd.report.drawing.style import MUTED, Look, looks_of
from nogd.report.figure import Comparison, Drawn, Figure
from nogd.report.figures.scores import FARTHEST, NO_SCALE
from nogd.report.names import counted, listed, short_name
from nogd.report.numbers.formats import score_text
from nogd.report.numbers.statistics import FloatArray

_POINTS = 161


def draw(comparison: Comparison) -> Drawn | str:
    """One falling line a learner, or why there are none."""
    scores = scores_of(comparison)
    if not scores:
        return NO_SCALE
    look = looks_of(comparison)
    canvas, axes = profile_canvas(handles([look[learner] for learner in scores]))
    grid = _grid(scores)
    _plot(axes, scores, grid, look)
    axes.set_xlabel("normalised score: 0 = constant predictor, 1 = reference", labelpad=1)
    return Drawn(canvas, _data(scores, grid), _finding(scores))


def draw_on(axes: Axes, comparison: Comparison) -> None:
    """The same on given axes."""
    scores = scores_of(comparison)
    if not scores:
        raise UserError(NO_SCALE)
    _plot(axes, scores, _grid(scores), looks_of(comparison))
    axes.set_xlabel("normalised score")


def scores_of(comparison: Comparison) -> dict[str, FloatArray]:
    """The scores of each learner's runs, ascending, on the tasks that the leaderboard's scores are over."""
    board, finals = comparison.board, comparison.finals
    if board.common:
        finals = finals[finals["task"].isin(board.tasks)]
    known = finals[np.isfinite(finals["score"])]
    by_learner = {
        str(name): np.sort(part.to_numpy(dtype=float)) for name, part in known.groupby("learner")["score"]
    }
    return {name: by_learner[name] for name in board.table["learner"] if name in by_learner}


def shares(scores: FloatArray, levels: FloatArray) -> FloatArray:
    """The share of ascending scores that are at least each of some levels."""
    return np.asarray(1 - np.searchsorted(scores, levels, side="left") / len(scores))


def _grid(scores: Mapping[str, FloatArray]) -> FloatArray:
    low = min(0.0, *(float(each[0]) for each in scores.values()))
    high = max(1.0, *(float(each[-1]) for each in scores.values()))
    return np.linspace(max(low, FARTHEST[0]), min(high, FARTHEST[1]), _POINTS)


def _plot(axes: Axes, scores: Mapping[str, FloatArray], grid: FloatArray, look: Mapping[str, Look]) -> None:
    for level in (0.0, 1.0):
        axes.axvline(level, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    draw_profiles(axes, grid, {name: shares(each, grid) for name, each in scores.items()}, look)
    axes.set_xlim(grid[0], grid[-1])
    linear_values(axes, "x")
    heading(axes, "share of runs with this score or a higher one")


def _data(scores: Mapping[str, FloatArray], grid: FloatArray) -> DataFrame:
    return DataFrame(
        {
            "learner": np.repeat(np.array(list(scores), dtype=object), len(grid)),
            "score": np.tile(grid, len(scores)),
            "share_of_runs": np.concatenate([shares(each, grid) for each in scores.values()]),
            "runs": np.repeat([len(each) for each in scores.values()], len(grid)),
        }
    )


def _finding(scores: Mapping[str, FloatArray]) -> str:
    medians = {name: float(np.median(each)) for name, each in scores.items()}
    order = sorted(medians, key=lambda name: (-medians[name], name))
    told = [f"{short_name(name)} {score_text(medians[name])}" for name in order]
    runs = sorted({len(each) for each in scores.values()})
    count = counted(runs[0], "run") if len(runs) == 1 else f"{runs[0]:,} to {runs[-1]:,} runs"
    return f"Median score over a learner's {count}: {listed(told)}."


FIGURE = Figure(
    name="score-distributions",
    title="Score distributions over runs",
    reading=(
        (
            "A line at x is the share of a learner's runs, over tasks and repetitions, with a score of at least x. "
            "Further right and higher is better; at half of the height is the median. A flat stretch with a fall on "
            "both sides: runs that went well and others that did not, which one mean hides."
        ),
        (
            "Where two lines cross, one learner is better at its best and worse at its worst. Nothing is tested here: "
            "lines that lie close may do so by chance. Scores beyond the edges count there."
        ),
    ),
    draw=draw,
    summary="share of runs with at least a score, per learner",
    order=53,
    draw_on=draw_on,
)
