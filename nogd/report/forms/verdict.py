"""The comparison in a few sentences: who won, on what, at what cost, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from nogd.report.figure import Comparison
from nogd.report.forms.remarks import lost_told, outside_told, without_scale
from nogd.report.names import counted, listed, short_name
from nogd.report.numbers.finals import FAILED, NOT_APPLICABLE
from nogd.report.numbers.formats import metric_text, number, score_text
from nogd.report.numbers.hosts import hosts_told
from nogd.report.numbers.leaderboard import Board
from nogd.report.numbers.verdict import (
    ALONE,
    DISPUTED,
    FAILURES,
    LEADS,
    NO_TASK,
    NO_TEST,
    TIED,
    UNEQUAL,
    WINS,
    Dispute,
    Verdict,
)


def headline(comparison: Comparison) -> str:
    """One sentence: who won."""
    runs = comparison.runs
    if runs.empty:
        return "No run is stored here yet."
    if nothing_succeeded(comparison):
        return f"None of the {len(runs)} runs succeeded, so nothing can be compared."
    if len(runs) == 1:
        return _one_run(comparison)
    return _SENTENCES[comparison.verdict.kind](comparison, comparison.verdict)


def _where(comparison: Comparison) -> str:
    """The tasks that the verdict is about, where they are not all."""
    some, every = len(comparison.board.tasks), len(comparison.tasks)
    return "" if some == every else f" on {some} of {counted(every, 'task')}"


def notes(comparison: Comparison) -> list[str]:
    """What else a reader should know: tasks without a scale, who is no better than the floor, failures."""
    runs = comparison.runs
    if runs.empty:
        return ["Fill it with: nogd run --all"]
    if nothing_succeeded(comparison):
        return ["The reasons are listed below."]
    board = comparison.board
    said = [
        without_scale(comparison, board),
        _minimum_baseline(board),
        _failures(comparison),
        lost_told(board),
        hosts_told(comparison),
        _sampled(comparison),
    ]
    return [sentence for sentence in said if sentence]


def _sampled(comparison: Comparison) -> str:
    """Which pictures are of a sample; empty where none is."""
    drawn, all_runs = len(comparison.curve_runs), len(comparison.runs)
    if drawn == all_runs:
        return ""
    return (
        f"Curves are drawn from a sample, {drawn:,} of {all_runs:,} runs: of each learner and task as many, drawn at "
        "random, always the same. Scores, tables and tests are of all runs."
    )


def nothing_succeeded(comparison: Comparison) -> bool:
    """Whether there is no run to speak of."""
    runs = comparison.runs
    return bool(runs.empty or runs["status"].isin(FAILED | {NOT_APPLICABLE}).all())


def warnings(comparison: Comparison) -> list[str]:
    """What must be known before a number is believed."""
    missing = int(comparison.meta.get("missing") or 0)
    said = []
    if missing:
        said.append(
            f"Unfinished: {counted(missing, 'planned run')} still missing; every number below may move."
        )
    if not comparison.runs.empty and comparison.board.unequal:
        said.append("Unequal cost: learners had different budgets, so there are no ranks.")
    if not comparison.runs.empty:
        said += filter(None, [outside_told(comparison.board)])
    return said


def called(name: object) -> str:
    """A name in a sentence."""
    return short_name(name, 40)


def _one_run(comparison: Comparison) -> str:
    run, final = comparison.runs.iloc[0], comparison.finals.iloc[0]
    data = "test" if final["split"] else "training"
    return (
        f"One run: {called(run['learner'])} on {called(run['task'])} reached "
        f"{called(run['metric_name'])} {final['value']:.4g} on {data} data."
    )


def _alone(comparison: Comparison, verdict: Verdict) -> str:
    return f"{called(verdict.first)} alone on {counted(len(comparison.tasks), 'task')}."


def _no_task(comparison: Comparison, verdict: Verdict) -> str:
    learners = counted(len(comparison.board.table), "learner")
    return (
        f"{learners}, and no task that all can do; {called(verdict.first)} {_highest(comparison)} on its own."
    )


def _unequal(comparison: Comparison, verdict: Verdict) -> str:
    if len(comparison.board.table) == 1:
        return f"Unequal cost: {called(verdict.first)}, the only learner here, had different budgets."
    return f"Unequal cost, so nobody is first; {called(verdict.first)} {_highest(comparison)}."


def _no_test(comparison: Comparison, verdict: Verdict) -> str:
    board = comparison.board
    runs = counted(board.repetitions, "repetition")
    if board.repetitions > 1:
        runs += f" of {counted(len(board.tasks), 'task')}"
    return f"{called(verdict.first)} {_highest(comparison)}, but {runs} cannot show a difference."


def _leads(comparison: Comparison, verdict: Verdict) -> str:
    return f"{called(verdict.first)} leads{_where(comparison)}: it {_highest(comparison)}, beyond chance."


def _tied(comparison: Comparison, verdict: Verdict) -> str:
    named = listed([called(name) for name in (verdict.first, *verdict.rivals)], 3)
    behind = f"; {verdict.behind} behind" if verdict.behind else ""
    return f"Tied{_where(comparison)}: {named}. {called(verdict.first)} {_highest(comparison)}{behind}."


def _disputed(comparison: Comparison, verdict: Verdict) -> str:
    assert verdict.dispute is not None
    said = f"{called(verdict.first)} {_highest(comparison)}, but {objection(verdict.dispute)}"
    return f"No clear winner{_where(comparison)}: {said}."


def objection(dispute: Dispute) -> str:
    """What speaks against the first, as the end of a sentence."""
    if dispute.measure == FAILURES:
        more = f" and {dispute.figure - 1:.0f} more" if dispute.figure > 1 else ""
        return f"all its runs on {called(dispute.by)}{more} failed"
    if dispute.measure == WINS:
        return f"{called(dispute.by)} wins {dispute.figure:.0%} of the runs between them"
    return f"{called(dispute.by)} reaches targets sooner"


def _highest(comparison: Comparison) -> str:
    """What makes the first the first, with the next one's figure: a verb and what follows."""
    table = comparison.board.table
    first, second = table.iloc[0], table.iloc[1]
    if pd.notna(first["score"]):
        return f"scores highest ({score_text(first['score'])}; next {score_text(second['score'])})"
    if pd.notna(first["mean_rank"]):
        ranks = f"{first['mean_rank']:.2f}; next {number(second['mean_rank'], '.2f')}"
        return f"has the best mean rank ({ranks}{_metric(comparison)})"
    return "is first by name"


def _metric(comparison: Comparison) -> str:
    """The first's metric and the next one's, where they stand in place of scores."""
    if not comparison.board.measures:
        return ""
    values = [metric_text(value) for value in comparison.board.table["metric"].iloc[:2]]
    return f"; {called(comparison.runs['metric_name'].dropna().iloc[0])} {values[0]}, next {values[1]}"


_SENTENCES: dict[str, Callable[[Comparison, Verdict], str]] = {
    ALONE: _alone,
    NO_TASK: _no_task,
    UNEQUAL: _unequal,
    NO_TEST: _no_test,
    LEADS: _leads,
    TIED: _tied,
    DISPUTED: _disputed,
}


def _minimum_baseline(board: Board) -> str:
    if not board.below_minimum:
        return ""
    return f"Scores no higher than that of {board.minimum_baseline}: {', '.join(map(called, board.below_minimum))}."


def _failures(comparison: Comparison) -> str:
    failed = int(comparison.runs["status"].isin(FAILED).sum())
    return f"{counted(failed, 'run')} failed; failures take the last place in their ranks." if failed else ""
