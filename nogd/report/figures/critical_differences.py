"""Critical-difference diagram: mean task ranks, and which of them do not differ significantly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import (
    heading,
    label_width,
    name_rows,
    new_canvas,
    numbers_at_right,
    place_axes,
)
from nogd.report.drawing.style import INK, Look, looks_of
from nogd.report.drawing.svg import named
from nogd.report.figure import Comparison, Drawn, Figure
from nogd.report.names import counted, listed, short_name
from nogd.report.numbers.comparing import Friedman, critical_difference, friedman, not_told_apart
from nogd.report.numbers.groups import unequal_budgets
from nogd.report.numbers.ranking import common_group, group_blocks
from nogd.report.numbers.statistics import FloatArray, ranks

ROW, NARROW_ROW, LANE = 0.24, 0.19, 0.13
MANY = 14
LEAST_TASKS, LEAST_LEARNERS = 5, 3
ALPHA = 0.05


@dataclass(frozen=True)
class Diagram:
    """Learners by mean task rank, groups without significant differences, Friedman's test, critical difference."""

    learners: tuple[str, ...]
    ranks: FloatArray
    tasks: int
    test: Friedman
    difference: float

    @property
    def differ(self) -> bool:
        """Whether Friedman's test says that learners differ at all."""
        return self.test.p < ALPHA

    @property
    def bars(self) -> list[tuple[int, int]]:
        """First and last place of each group without significant differences; all where Friedman's test finds none."""
        return (
            not_told_apart(list(self.ranks), self.difference)
            if self.differ
            else [(0, len(self.learners) - 1)]
        )


def draw(comparison: Comparison) -> Drawn | str:
    """The diagram, or why there is none."""
    diagram = diagram_of(comparison)
    if isinstance(diagram, str):
        return diagram
    look = looks_of(comparison)
    labels = [look[learner].label for learner in diagram.learners]
    canvas = new_canvas(0.8 + (ROW if len(labels) <= MANY else NARROW_ROW) * len(labels))
    axes = place_axes(canvas, label_width(labels), 0.45 + LANE * len(diagram.bars), 0.32, 0.42)
    _plot(axes, diagram, look)
    axes.set_xlabel("mean task rank (further left is better)", labelpad=3)
    return Drawn(canvas, _data(diagram), _finding(diagram))


def draw_on(axes: Axes, comparison: Comparison) -> None:
    """The same on given axes."""
    diagram = diagram_of(comparison)
    if isinstance(diagram, str):
        raise UserError(diagram)
    _plot(axes, diagram, looks_of(comparison))
    axes.set_xlabel("mean task rank")


def diagram_of(comparison: Comparison) -> Diagram | str:
    """What is drawn; a sentence where there are too few tasks or learners, or budgets differ."""
    if unequal_budgets(comparison.runs, comparison.settings):
        return "Budgets differ, so there are no ranks, and no rank differences to test."
    group = common_group(comparison)
    tasks = 0 if group is None else len(group.tasks)
    if group is None or tasks < LEAST_TASKS:
        return (
            f"Tests of rank differences need at least {LEAST_TASKS} tasks that all compared learners have runs on; "
            f"there {'is' if tasks == 1 else 'are'} {tasks}."
        )
    if len(group.learners) < LEAST_LEARNERS:
        return (
            f"Friedman's test needs at least {LEAST_LEARNERS} learners; see the probability of improvement for "
            f"{counted(len(group.learners), 'learner')}."
        )
    by_task = _ranks_by_task(group_blocks(comparison, group))
    if len(by_task) < LEAST_TASKS:
        return f"Only {counted(len(by_task), 'task')} have a repetition that all learners have run."
    means = ranks(by_task).mean(axis=0)
    order = np.argsort(means, kind="stable")
    return Diagram(
        tuple(group.learners[int(place)] for place in order),
        means[order],
        len(by_task),
        friedman(by_task),
        critical_difference(len(means), len(by_task), ALPHA),
    )


def _ranks_by_task(blocks: DataFrame) -> FloatArray:
    """Mean ranks over repetitions, shape (tasks, learners): a task is one block, however often it was repeated."""
    ranked = DataFrame(ranks(blocks.to_numpy(dtype=float)), index=blocks.index)
    return ranked.groupby(level="task").mean().to_numpy(dtype=float)


def _plot(axes: Axes, diagram: Diagram, look: Mapping[str, Look]) -> None:
    name_rows(axes, [look[learner].label for learner in diagram.learners])
    for place, (learner, rank) in enumerate(zip(diagram.learners, diagram.ranks, strict=True)):
        style = look[learner]
        named(axes.plot([rank], [place], color=style.colour, marker=style.marker, markersize=6.5), learner)
    numbers_at_right(axes, [f"{rank:.2f}" for rank in diagram.ranks])
    margin = 0.035 * len(diagram.learners)
    axes.set_xlim(1 - margin, len(diagram.learners) + margin)
    _bars(axes, diagram)
    test = diagram.test
    differ = (
        f"critical difference {diagram.difference:.2f}" if diagram.differ else "no significant difference"
    )
    heading(axes, f"{diagram.tasks} tasks: Friedman p {p_text(test.p)}, F p {p_text(test.f_p)}; {differ}")


def _bars(axes: Axes, diagram: Diagram) -> None:
    """Vertical bars right of the numbers, one per group of learners that do not differ significantly."""
    width = float(axes.get_window_extent().width / axes.figure.dpi)
    for lane, (first, last) in enumerate(diagram.bars):
        x = 1 + (0.42 + LANE * lane) / width
        axes.plot(
            [x, x],
            [first - 0.28, last + 0.28],
            transform=axes.get_yaxis_transform(),
            color=INK,
            linewidth=3,
            solid_capstyle="butt",
            clip_on=False,
        )


def p_text(p: float) -> str:
    """A p-value with its relation: = 0.031, < 0.0001."""
    return "< 0.0001" if p < 1e-4 else f"= {p:.2g}"


def _data(diagram: Diagram) -> DataFrame:
    together = [
        " ".join(str(place + 1) for place, (first, last) in enumerate(diagram.bars) if first <= row <= last)
        for row in range(len(diagram.learners))
    ]
    return DataFrame(
        {
            "learner": diagram.learners,
            "mean_task_rank": diagram.ranks,
            "not_significantly_different_group": together,
            "tasks": diagram.tasks,
            "friedman_p": diagram.test.p,
            "iman_davenport_f": diagram.test.f,
            "iman_davenport_p": diagram.test.f_p,
            "critical_difference": diagram.difference,
        }
    )


def _finding(diagram: Diagram) -> str:
    test = diagram.test
    f = f"{test.f:.3g}" if math.isfinite(test.f) else "beyond all bounds, as every task ranks them alike"
    said = (
        f"Friedman's test over {diagram.tasks} tasks: p {p_text(test.p)}; Iman and Davenport's F {f}, "
        f"p {p_text(test.f_p)}. "
    )
    if not diagram.differ:
        return f"{said}It shows no difference between the {len(diagram.learners)} learners."
    first = diagram.bars[0] if diagram.bars and diagram.bars[0][0] == 0 else (0, 0)
    close = listed([short_name(learner) for learner in diagram.learners[1 : first[1] + 1]])
    best = short_name(diagram.learners[0])
    return (
        f"{said}{best} has the lowest mean task rank, {diagram.ranks[0]:.2f}; not significantly different from it: "
        f"{close or 'none'} (critical difference {diagram.difference:.2f})."
    )


FIGURE = Figure(
    name="critical-differences",
    title="Critical-difference diagram: which ranks differ",
    reading=(
        (
            "A point is a learner's mean task rank (1 = first on every task): each task ranks the learners once, by "
            "their mean rank over its repetitions, whereas the leaderboard's rank counts every repetition. Learners "
            "joined by a bar are not significantly different: their ranks lie within the critical difference "
            "(Nemenyi's test, 5 %)."
        ),
        (
            "The bars mean something only where Friedman's p is below 0.05; otherwise one bar joins all. F is Iman and "
            "Davenport's form of the same test, which is less conservative with few tasks. With few tasks only large "
            "differences can be detected: no significant difference does not mean that there is none."
        ),
    ),
    draw=draw,
    summary="mean task ranks with Friedman's test and critical differences",
    order=45,
    draw_on=draw_on,
)
