"""Histories: training loss after each of a learner's own iterations, one drawing per learner and task."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import heading, linear_values, log_values, new_canvas, place_axes, plain
from nogd.report.drawing.style import INK, MUTED, Look, looks_of
from nogd.report.figure import Comparison, Drawn, Figure, choice
from nogd.report.names import clean, counted, short_name
from nogd.report.numbers.curves import carried_forward
from nogd.report.numbers.finals import applicable, numbers
from nogd.report.numbers.statistics import FloatArray, interquartile_mean

HEIGHT = 2.3
_LINES = 100
"""Runs of one picture that have a line of their own."""
NO_HISTORY = "No run here has a budget that counts iterations."


@dataclass(frozen=True)
class History:
    """One learner on one task. losses: shape (runs, iterations + 1), the start first; changes: see `_changes`."""

    task: str
    learner: str
    losses: FloatArray
    repetitions: tuple[int, ...]
    changes: tuple[int, ...]
    phases: tuple[str, ...]

    @property
    def middle(self) -> FloatArray:
        """Interquartile mean over the runs, shape (iterations + 1,)."""
        return interquartile_mean(self.losses, axis=0)


def draw(comparison: Comparison) -> list[Drawn] | str:
    """One drawing per learner and task with a budget of iterations, or why there is none. A task has one loss axis."""
    look = looks_of(comparison)
    found = histories(comparison)
    limits = {task: _limits([each for each in found if each.task == task]) for task in comparison.tasks}
    several, told = len(comparison.tasks) > 1, comparison.sample_told
    return [
        _drawn(each, look[each.learner], limits[each.task], several, told) for each in found
    ] or NO_HISTORY


def draw_on(
    axes: Axes, comparison: Comparison, *, task: str | None = None, learner: str | None = None
) -> None:
    """One history on axes of the caller's. Raises UserError where the task or the learner has none."""
    found = histories(comparison)
    if not found:
        raise UserError(NO_HISTORY)
    task = choice("task", task, list(dict.fromkeys(each.task for each in found)))
    mine = {each.learner: each for each in found if each.task == task}
    chosen = mine[choice("learner", learner, list(mine))]
    draw_history(axes, chosen, looks_of(comparison)[chosen.learner], _limits([chosen]))


def histories(comparison: Comparison) -> list[History]:
    """The histories of all learners with a budget of iterations, in the order of tasks, then of learners."""
    runs = applicable(comparison.curve_runs)
    counted_runs = runs[runs["budget"].map(_counts_iterations).astype(bool)]
    if counted_runs.empty:
        return []
    curves = comparison.whole_curves[comparison.whole_curves["id"].isin(set(counted_runs["id"]))]
    curves = curves[np.isfinite(numbers(curves, "loss"))]
    points = dict(iter(curves.groupby("id", sort=False)))
    found = []
    for (task, learner), rows in counted_runs.groupby(["task", "learner"], sort=True):
        kept = rows[rows["id"].isin(set(points))].sort_values("repetition")
        if len(kept):
            found.append(_history(str(task), str(learner), kept, [points[id_] for id_ in kept["id"]]))
    return found


def _counts_iterations(budget: object) -> bool:
    try:
        limits = json.loads(str(budget))
    except ValueError:
        return False
    return isinstance(limits, dict) and limits.get("iterations") is not None


def _history(task: str, learner: str, rows: DataFrame, points: list[DataFrame]) -> History:
    last = max(int(part["iteration"].max()) for part in points)
    grid = np.arange(last + 1.0)
    # The first row of an iteration is its end; the others lie within the next one.
    ends = [part.drop_duplicates("iteration") for part in points]
    losses = np.stack(
        [carried_forward(numbers(part, "iteration"), numbers(part, "loss"), grid) for part in ends]
    )
    phases = _phase_names(str(rows["hyper"].iloc[0]))
    return History(task, learner, losses, tuple(map(int, rows["repetition"])), _changes(points), phases)


def _changes(points: list[DataFrame]) -> tuple[int, ...]:
    """After which iteration each further phase began in most runs."""
    count = max(int(part["phase"].max()) for part in points)
    changes = []
    for phase in range(count):
        ends = [
            int(part.loc[part["phase"] <= phase, "iteration"].max())
            for part in points
            if part["phase"].max() > phase
        ]
        changes.append(max(sorted(set(ends)), key=ends.count))
    return tuple(changes)


def _phase_names(hyper: str) -> tuple[str, ...]:
    """Names of the learners of a sequence; none for any other learner."""
    try:
        parts = json.loads(hyper).get("parts") or ()
        return tuple(clean(part["name"]) for part in parts)
    except (ValueError, TypeError, KeyError, AttributeError):
        return ()


def _limits(found: list[History]) -> tuple[float, float]:
    known = np.concatenate([each.losses.ravel() for each in found]) if found else np.empty(0)
    known = known[np.isfinite(known)]
    return (float(known.min()), float(known.max())) if known.size else (np.nan, np.nan)


def _drawn(history: History, look: Look, limits: tuple[float, float], several: bool, told: str) -> Drawn:
    canvas = new_canvas(HEIGHT)
    axes = place_axes(canvas, 0.52, 0.12, 0.3, 0.42)
    draw_history(axes, history, look, limits)
    title = f"{history.learner} on {history.task}" if several else history.learner
    return Drawn(canvas, _data(history), _finding(history) + told, title=title)


def draw_history(axes: Axes, history: History, look: Look, limits: tuple[float, float]) -> None:
    """Runs as thin lines, their interquartile mean as a thick one, and where a phase ends."""
    iterations = np.arange(history.losses.shape[1])
    axes.plot(iterations, history.losses[:_LINES].T, color=look.colour, linewidth=0.7, alpha=0.4)
    axes.plot(iterations, history.middle, color=look.colour, linewidth=2.0, label=look.label)
    axes.set_xlim(0, max(int(iterations[-1]), 1))
    low, high = limits
    if low > 0 and high / low > 20:
        axes.set_ylim(low / 1.1, high * 1.1)
        log_values(axes)
        heading(axes, "training loss, log scale (lower is better)")
    else:
        linear_values(axes)
        heading(axes, "training loss (lower is better)")
    axes.set_xlabel("the learner's own iterations", labelpad=1)
    for place, change in enumerate(history.changes):
        _mark(axes, change, history.phases[place + 1 : place + 2])


def _mark(axes: Axes, change: int, begins: tuple[str, ...]) -> None:
    """A vertical line where a phase ends, and what begins there."""
    axes.axvline(change, color=INK, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        f"{short_name(begins[0], 20)} begins" if begins else "next phase",
        (change, 0.98),
        xycoords=("data", "axes fraction"),
        xytext=(4, 0),
        textcoords="offset points",
        va="top",
        fontsize=7.5,
        color=MUTED,
    )


def _data(history: History) -> DataFrame:
    runs, points = history.losses.shape
    return DataFrame(
        {
            "task": history.task,
            "learner": history.learner,
            "repetition": np.repeat(history.repetitions, points),
            "iteration": np.tile(np.arange(points), runs),
            "loss": history.losses.ravel(),
        }
    )


def _finding(history: History) -> str:
    middle = history.middle
    ends = np.sort(history.losses[:, -1])
    iterations = len(middle) - 1
    said = (
        f"{short_name(history.learner)} on {short_name(history.task)}: from {plain(float(middle[0]))} to "
        f"{plain(float(middle[-1]))} in {counted(iterations, 'iteration')} (interquartile mean of "
        f"{counted(len(ends), 'run')}; they end between {plain(float(ends[0]))} and {plain(float(ends[-1]))})."
    )
    changes = [
        f" {begins} begins after iteration {change}{_of_most(history)}."
        for change, begins in zip(history.changes, history.phases[1:], strict=False)
    ]
    return said + "".join(changes)


def _of_most(history: History) -> str:
    return " in most runs" if len(history.losses) > 1 else ""


FIGURE = Figure(
    name="histories",
    title="Histories: training loss per iteration",
    reading=(
        (
            "Training loss after each of a learner's own iterations (a sweep, an epoch): a thin line for each of the "
            "first 100 runs, a thick one for the interquartile mean of all. A dashed line: one learner hands over to "
            "the next."
        ),
        (
            "An iteration costs every learner a different amount, so do not compare one picture with another: what was "
            "spent is in the leaderboard and under the learning curves."
        ),
    ),
    draw=draw,
    summary="training loss after each iteration, where the budget counts iterations",
    order=22,
    draw_on=draw_on,
)
