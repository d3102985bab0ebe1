"""How many targets were reached by what cost: over all tasks and targets, against forwards, seconds and flops."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import handles, heading, log_cost, plain, short_number
from nogd.report.drawing.profiles import draw_profiles, profile_canvas
from nogd.report.drawing.style import Look, leading, looks_of
from nogd.report.figure import Comparison, Drawn, Figure, choice
from nogd.report.names import counted, listed, short_name
from nogd.report.numbers.curves import budget_grid
from nogd.report.numbers.finals import applicable, finite, numbers
from nogd.report.numbers.groups import Group, groups, unequal_budgets
from nogd.report.numbers.hosts import on_one_clock
from nogd.report.numbers.pairs import NO_TARGETS, reached
from nogd.report.numbers.ranking import tasks_apart
from nogd.report.numbers.running_time import share_within
from nogd.report.numbers.statistics import FloatArray

LEDGERS = ("forwards", "seconds", "flops")
_POINTS_A_DECADE, _OF_ONE_TASK = 60, 12
_MANY = 16
"""With more learners the drawings of single tasks have those in colour alone."""


@dataclass(frozen=True)
class ProfilePanel:
    """Shares of targets reached, by learner, on a grid of one ledger; of how many asked for, how many in the end."""

    ledger: str
    title: str
    grid: FloatArray
    shares: Mapping[str, FloatArray]
    asked: Mapping[str, int]
    reached: Mapping[str, int]
    pairs: int
    never: int
    unequal: bool


def draw(comparison: Comparison) -> list[Drawn] | str:
    """One drawing per ledger for the tasks that all can do; in forwards one for each further group, and each task."""
    panels = [_panel(comparison, group, ledger) for group, ledger in _wanted(comparison)]
    panels += [_task_panel(comparison, task, LEDGERS[0]) for task in _tasks_of_many(comparison)]
    look = looks_of(comparison)
    return [_drawn(panel, look) for panel in panels if panel is not None] or NO_TARGETS


def draw_on(axes: Axes, comparison: Comparison, *, ledger: str = "forwards", task: str | None = None) -> None:
    """One task's panel of a ledger on given axes, or without a task the first panel of all of them."""
    choice("ledger", ledger, LEDGERS)
    group = next(iter(groups(comparison.runs)), None)
    if task is not None:
        panel = _task_panel(comparison, choice("task", task, comparison.tasks), ledger)
    else:
        panel = None if group is None else _panel(comparison, group, ledger)
    if panel is None:
        raise UserError(NO_TARGETS)
    _plot(axes, panel, looks_of(comparison))
    axes.set_xlabel(ledger)


def _wanted(comparison: Comparison) -> list[tuple[Group, str]]:
    found = groups(comparison.runs)
    return [
        (group, ledger)
        for place, group in enumerate(found)
        for ledger in (LEDGERS if place == 0 else LEDGERS[:1])
    ]


def _tasks_of_many(comparison: Comparison) -> list[str]:
    """The tasks that have a drawing of their own: all, unless there is one, or another drawing has it alone."""
    alone = {group.tasks[0] for group in groups(comparison.runs) if len(group.tasks) == 1}
    return [task for task in comparison.tasks if task not in alone]


def _task_panel(comparison: Comparison, task: str, ledger: str) -> ProfilePanel | None:
    """One task by itself, in fewer points than all tasks together: nobody sees more of that many steps."""
    shown = comparison.learners if len(comparison.learners) <= _MANY else leading(comparison)
    group = Group((task,), tuple(comparison.learners))
    return _panel(comparison, group, ledger, _OF_ONE_TASK, title=task, shown=shown)


def _panel(
    comparison: Comparison,
    group: Group,
    ledger: str,
    points_a_decade: int = _POINTS_A_DECADE,
    *,
    title: str = "",
    shown: Collection[str] | None = None,
) -> ProfilePanel | None:
    """The shares of a group of tasks, or None where they have no targets; shown: of these learners, all by default."""
    rows = reached(comparison, group.tasks, group.learners)
    if ledger == "seconds" and not rows.empty:
        rows = rows[rows["id"].isin(on_one_clock(comparison, comparison.runs)["id"])]
    if rows.empty:
        return None
    paid, limits = finite(rows, ledger), _spent(comparison, group, ledger)
    positive = paid[paid > 0]
    if positive.size == 0 and ledger != LEDGERS[0]:
        return None
    most = max(limits.values(), default=1.0)
    grid = budget_grid(float(positive.min()) if positive.size else 1.0, most, points_a_decade)
    shares, asked, ends = {}, {}, {}
    for learner, part in rows.groupby("learner"):
        if shown is not None and learner not in shown:
            continue
        cost = numbers(part, ledger)
        cost = cost[np.isfinite(cost)]
        share = share_within(cost, len(part), grid)
        # Beyond what a learner was given nothing is known of it.
        shares[str(learner)] = np.where(grid <= limits[str(learner)] * 1.02, share, np.nan)
        asked[str(learner)], ends[str(learner)] = len(part), len(cost)
    solved = (
        rows.assign(solved=np.isfinite(numbers(rows, "forwards"))).groupby(["task", "target"])["solved"].any()
    )
    unequal = unequal_budgets(comparison.runs, comparison.settings)
    return ProfilePanel(
        ledger,
        title or ": ".join(filter(None, [ledger, tasks_apart(comparison, group)])),
        grid,
        shares,
        asked,
        ends,
        len(solved),
        int((~solved).sum()),
        unequal,
    )


def _spent(comparison: Comparison, group: Group, ledger: str) -> dict[str, float]:
    """The most that any run of each learner spent; of all learners together where their budgets are equal."""
    runs = applicable(comparison.runs[comparison.runs["task"].isin(group.tasks)])
    if ledger == "seconds":
        runs = on_one_clock(comparison, runs)
    rows = runs[["learner", ledger]].assign(spent=lambda table: finite(table, ledger))
    most = rows.groupby("learner")["spent"].max().fillna(0.0)
    equal = ledger == "forwards" and not unequal_budgets(comparison.runs, comparison.settings)
    return {str(name): float(most.max() if equal else value) for name, value in most.items()}


def _drawn(panel: ProfilePanel, look: Mapping[str, Look]) -> Drawn:
    canvas, axes = profile_canvas(handles([look[learner] for learner in panel.shares]))
    _plot(axes, panel, look)
    axes.set_xlabel(f"{panel.ledger}, log scale", labelpad=1)
    return Drawn(canvas, _data(panel), _finding(panel), title=panel.title)


def _plot(axes: Axes, panel: ProfilePanel, look: Mapping[str, Look]) -> None:
    log_cost(axes)
    draw_profiles(axes, panel.grid, panel.shares, look)
    if len(panel.grid) > 1:
        axes.set_xlim(panel.grid[0], panel.grid[-1] * 1.05)
    unequal = ", unequal cost" if panel.unequal else ""
    heading(axes, f"share of {counted(panel.pairs, 'target')} reached{unequal} (higher is better)")


def _data(panel: ProfilePanel) -> DataFrame:
    points = len(panel.grid)
    learners = list(panel.shares)
    return DataFrame(
        {
            "learner": np.repeat(np.array(learners, dtype=object), points),
            panel.ledger: np.tile(panel.grid, len(learners)),
            "share_reached": np.concatenate([panel.shares[learner] for learner in learners]),
            "asked": np.repeat([panel.asked[learner] for learner in learners], points),
        }
    )


def _finding(panel: ProfilePanel) -> str:
    ends = {learner: panel.reached[learner] / panel.asked[learner] for learner in panel.shares}
    order = sorted(ends, key=lambda learner: (-ends[learner], learner))
    shares = listed([f"{short_name(learner)} {ends[learner]:.0%}" for learner in order])
    never = f" {panel.never} of {panel.pairs} reached by no learner." if panel.never else ""
    most = float(panel.grid[-1])
    within = f"{plain(most) if most < 1e6 else short_number(most)} {panel.ledger}"
    return f"Share of {counted(panel.pairs, 'target')} reached within {within}: {shares}.{never}"


FIGURE = Figure(
    name="data-profile",
    title="Run-time ECDF: targets reached against cost",
    reading=(
        (
            "An empirical cumulative distribution: the share of all frozen targets, over tasks and repetitions, that a "
            "learner had reached by that cost; a drawing named after a task is of that task alone, with more than 16 "
            "learners only of those in colour. Further left and higher is better; targets that nobody reached count."
        ),
        (
            "Targets are the training losses that the frozen reference reached with 0.1 to 100 % of the budget, and "
            "fractions of the way to its last one. Seconds depend on the machine and its load; forwards and flops do "
            "not."
        ),
    ),
    draw=draw,
    summary="share of frozen targets reached against forwards, seconds and flops",
    order=15,
    draw_on=draw_on,
)
