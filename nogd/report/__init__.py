"""The report: runs in, tables, figures and one HTML page out; from the store alone, without torch."""

from __future__ import annotations

from collections.abc import Sequence

from nogd.hookspecs import hookimpl
from nogd.registry import Lazy

_FIGURES = "nogd.report.figures"


@hookimpl
def nogd_figures() -> Sequence[Lazy]:
    """The figures and tables that every report has."""
    return [
        Lazy("scores", f"{_FIGURES}.scores:FIGURE", "normalised score of every learner, with its interval"),
        Lazy("task-table", f"{_FIGURES}.task_table:FIGURE", "final metric of every learner on every task"),
        Lazy(
            "learning-curves",
            f"{_FIGURES}.learning_curves:FIGURE",
            "loss and metric against forwards, per task",
        ),
        Lazy(
            "histories",
            f"{_FIGURES}.histories:FIGURE",
            "training loss after each iteration, where the budget counts iterations",
        ),
        Lazy(
            "rank-heat-map",
            f"{_FIGURES}.rank_heat_map:FIGURE",
            "mean rank of every learner on every task",
        ),
        Lazy(
            "final-losses", f"{_FIGURES}.final_losses:FIGURE", "training loss that every learner ended with"
        ),
        Lazy(
            "decision-boundaries",
            f"{_FIGURES}.decision_boundaries:FIGURE",
            "what each learner's network says of every place, on tasks with two inputs",
        ),
        Lazy(
            "budget-leaders",
            f"{_FIGURES}.budget_leaders:FIGURE",
            "who leads a task at which budget, and whether clearly",
        ),
        Lazy(
            "time-split",
            f"{_FIGURES}.time_split:FIGURE",
            "seconds of a run: scoring, the learner's own work, measuring",
        ),
        Lazy("failures", f"{_FIGURES}.failures:FIGURE", "runs that failed or could not be asked for"),
    ]
