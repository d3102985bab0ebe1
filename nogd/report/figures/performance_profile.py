"""Performance profile: on how many targets a learner is within so many times the fastest one's running time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import handles, heading, log_cost
from nogd.report.drawing.profiles import draw_profiles, profile_canvas
from nogd.report.drawing.style import MUTED, Look, looks_of
from nogd.report.figure import Comparison, Drawn, Figure
from nogd.report.names import counted, listed, short_name
from nogd.report.numbers.groups import groups, unequal_budgets
from nogd.report.numbers.pairs import NO_TARGETS, Pairs, pairs_of
from nogd.report.numbers.ranking import tasks_apart
from nogd.report.numbers.running_time import MOST, performance_profile, profile_score, ratios_to_best
from nogd.report.numbers.statistics import FloatArray

FARTHEST = 100.0
DASHED = (0, (4, 3))
UNEQUAL = "Budgets differ: who failed on a target may only have had less to spend, so running times are not compared."
ALONE = "No two learners have runs on the same task, so there are no running times to compare."


def draw(comparison: Comparison) -> list[Drawn] | str:
    """One drawing per group of tasks that the same learners can do."""
    if unequal_budgets(comparison.runs, comparison.settings):
        return UNEQUAL
    compared = [group for group in groups(comparison.runs) if len(group.learners) > 1]
    if not compared:
        return ALONE
    look = looks_of(comparison)
    found = [(group, pairs_of(comparison, group.tasks, group.learners)) for group in compared]
    return [
        _drawn(pairs, look, tasks_apart(comparison, group)) for group, pairs in found if pairs
    ] or NO_TARGETS


def draw_on(axes: Axes, comparison: Comparison) -> None:
    """The first group's on given axes."""
    if unequal_budgets(comparison.runs, comparison.settings):
        raise UserError(UNEQUAL)
    group = next((group for group in groups(comparison.runs) if len(group.learners) > 1), None)
    if group is None:
        raise UserError(ALONE)
    pairs = pairs_of(comparison, group.tasks, group.learners)
    if pairs is None:
        raise UserError(NO_TARGETS)
    _plot(axes, pairs, ratios_to_best(pairs.times), looks_of(comparison))
    axes.set_xlabel("times the fastest learner's running time")


def _drawn(pairs: Pairs, look: Mapping[str, Look], title: str) -> Drawn:
    ratios = ratios_to_best(pairs.times)
    end = Line2D([], [], color=MUTED, linewidth=0.9, linestyle=DASHED, label="end of score")
    canvas, axes = profile_canvas([*handles([look[learner] for learner in pairs.learners]), end])
    _plot(axes, pairs, ratios, look)
    axes.set_xlabel("times the fastest learner's running time, log scale", labelpad=1)
    return Drawn(canvas, _data(pairs, ratios), _finding(pairs, ratios), title=title)


def _plot(axes: Axes, pairs: Pairs, ratios: FloatArray, look: Mapping[str, Look]) -> None:
    factors = np.geomspace(1, FARTHEST, 241)
    heights = performance_profile(ratios, factors)
    log_cost(axes)
    draw_profiles(axes, factors, dict(zip(pairs.learners, heights.T, strict=True)), look)
    axes.axvline(MOST, color=MUTED, linewidth=0.9, linestyle=DASHED, zorder=1)
    axes.set_xlim(1, FARTHEST)
    heading(axes, f"share of {counted(len(pairs), 'target')} (higher is better)")


def _data(pairs: Pairs, ratios: FloatArray) -> DataFrame:
    """Expected running times in forwards and their ratios, one row per pair and learner; infinite: never reached."""
    count = len(pairs.learners)
    return DataFrame(
        {
            "task": np.repeat(np.array(pairs.tasks, dtype=object), count),
            "target": np.repeat(np.array(pairs.targets, dtype=object), count),
            "learner": np.tile(np.array(pairs.learners, dtype=object), len(pairs)),
            "expected_forwards": pairs.times.ravel(),
            "times_the_fastest": ratios.ravel(),
            "reference_forwards": np.repeat(pairs.reference, count),
        }
    )


def _finding(pairs: Pairs, ratios: FloatArray) -> str:
    over = f"{counted(len(pairs), 'pair')} of task and target"
    if not np.isfinite(ratios).any():
        return f"No learner reached any of {over}."
    scores, fastest = profile_score(ratios), (ratios <= 1 + 1e-12).sum(axis=0)
    told = [
        f"{short_name(pairs.learners[place])} {scores[place]:.2f}"
        for place in np.argsort(-scores, kind="stable")
    ]
    first = listed(
        [short_name(pairs.learners[place]) for place in np.flatnonzero(fastest == fastest.max())], 3
    )
    return (
        f"Profile scores over {over}: {listed(told)}. Fastest most often: {first}, on {int(fastest.max())}."
    )


FIGURE = Figure(
    name="performance-profile",
    title="Performance profile of running times",
    reading=(
        (
            "A line at x is the share of targets on which a learner's expected running time (in forwards, failed runs "
            "counted) is at most x times that of the fastest here. At the left edge: how often it is the fastest."
        ),
        (
            "A line that stays low never reaches the other targets. The leaderboard's profile score is the mean height "
            "up to 4. All of it depends on which learners take part: another learner can push the others to the right."
        ),
    ),
    draw=draw,
    summary="expected running times relative to the fastest learner",
    order=35,
    draw_on=draw_on,
)
