"""The report: runs in, tables, figures and one HTML page out; from the store alone, without torch.

`numbers/` computes, `drawing/` is what pictures share, `figures/` has one figure per file, `forms/` writes. For use
from outside: `results`, which shows itself, and `figure`, for authors of figures.
"""

from __future__ import annotations

from collections.abc import Sequence

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy


@hookimpl
def nogd_figures() -> Sequence[Lazy]:
    """The figures and tables that every report has."""
    return [
        _lazy("scores", "normalised score of every learner, with its interval"),
        _lazy("task-table", "final metric of every learner on every task"),
        _lazy("data-profile", "share of frozen targets reached against forwards, seconds and flops"),
        _lazy("learning-curves", "loss and metric against forwards, seconds or FLOPs, per task"),
        _lazy("histories", "training loss after each iteration, where the budget counts iterations"),
        _lazy("final-losses", "final training loss of every learner"),
        _lazy("score-against-cost", "score against seconds and peak memory, with Pareto fronts"),
        _lazy("performance-profile", "expected running times relative to the fastest learner"),
        _lazy("rank-heat-map", "mean rank of every learner on every task"),
        _lazy("critical-differences", "mean task ranks with Friedman's test and critical differences"),
        _lazy("improvement", "how often a run of one learner beats a run of another"),
        _lazy("pairwise", "two learners task by task: differences, intervals and exact tests"),
        _lazy("train-test", "metric on training data against test data, per task"),
        _lazy("score-distributions", "share of runs with at least a score, per learner"),
        _lazy("sensitivity", "score against a hyper-parameter that was varied"),
        _lazy(
            "decision-boundaries",
            "what each learner's network predicts at every point, on tasks with two inputs",
        ),
        _lazy(
            "budget-leaders", "the best learner of each task at each budget, and whether its lead is clear"
        ),
        _lazy("paths", "paths of all learners on a plane through the loss surface"),
        _lazy("time-split", "seconds per run: scoring, the learner's own work, measuring"),
        _lazy("failures", "runs that failed or could not be asked for"),
    ]


def _lazy(name: str, summary: str) -> Lazy:
    return Lazy(name, f"nogd.report.figures.{name.replace('-', '_')}:FIGURE", summary)
