"""The comparison in a few sentences: who won, on what, at what cost, and how sure that is."""

from __future__ import annotations

import pandas as pd

from nogd.report.figure import Comparison
from nogd.report.figures.task_table import summary
from nogd.report.finals import FAILED, NOT_APPLICABLE
from nogd.report.leaderboard import Board, score_text, without_scale
from nogd.report.names import counted, short_name
from nogd.report.statistics import ENOUGH_FOR_BOOTSTRAP


def headline(comparison: Comparison) -> str:
    """One sentence: who won."""
    runs = comparison.runs
    if runs.empty:
        return "No run is stored here yet."
    if runs["status"].isin(FAILED | {NOT_APPLICABLE}).all():
        return f"None of the {len(runs)} runs succeeded, so that nothing can be compared."
    if len(runs) == 1:
        return _one_run(comparison)
    table = comparison.board.table
    if len(table) == 1:
        return f"{_called(table['learner'][0])} alone on {counted(len(comparison.tasks), 'task')}."
    return _winner(comparison.board)


def details(comparison: Comparison) -> list[str]:
    """Sentences behind the headline: on what, at what cost, how sure."""
    runs = comparison.runs
    if runs.empty:
        return ["Fill it with: nogd run --all"]
    if runs["status"].isin(FAILED | {NOT_APPLICABLE}).all():
        return ["The reasons are listed below."]
    board = comparison.board
    said = [_scope(comparison, board), _wins(comparison), without_scale(comparison, board), _floor(board)]
    said += [_failures(comparison), _sure(board)]
    return [sentence for sentence in said if sentence]


def warnings(comparison: Comparison) -> list[str]:
    """What must be known before a number is believed."""
    missing = int(comparison.meta.get("missing") or 0)
    said = []
    if missing:
        said.append(
            f"Unfinished: {counted(missing, 'planned run')} still missing; every number below may move."
        )
    if not comparison.runs.empty and comparison.board.unequal:
        said.append("Unequal cost: learners had different budgets, so that nobody is ranked.")
    return said


def _called(name: object) -> str:
    return short_name(name, 40)


def _one_run(comparison: Comparison) -> str:
    run, final = comparison.runs.iloc[0], comparison.finals.iloc[0]
    data = "test" if final["split"] else "training"
    return (
        f"One run: {_called(run['learner'])} on {_called(run['task'])} reached "
        f"{_called(run['metric_name'])} {final['value']:.4g} on {data} data."
    )


def _winner(board: Board) -> str:
    table = board.table
    first, second = table.iloc[0], table.iloc[1]
    name, other = _called(first["learner"]), _called(second["learner"])
    if pd.isna(first["score"]) or pd.isna(second["score"]):
        return _winner_by_rank(board)
    told = f"score {score_text(first['score'])} against {score_text(second['score'])}"
    if pd.isna(first["score_low"]) or pd.isna(second["score_low"]):
        return f"{name} is ahead of {other} ({told}), but one repetition does not say how sure that is."
    if first["score_low"] > second["score_high"]:
        return f"{name} leads, ahead of {other} ({told}; their intervals do not overlap)."
    return f"{name} leads {other}, but not clearly ({told}; their intervals overlap)."


def _winner_by_rank(board: Board) -> str:
    ranked = board.table.dropna(subset=["mean_rank"]).sort_values(["mean_rank", "learner"])
    if ranked.empty:
        return f"{counted(len(board.table), 'learner')}, and no common scale to rank them on."
    first = ranked.iloc[0]
    return f"{_called(first['learner'])} has the best mean rank, {first['mean_rank']:.2f} of {len(ranked)}."


def _scope(comparison: Comparison, board: Board) -> str:
    runs = counted(len(comparison.runs), "run")
    learners = counted(len(comparison.learners), "learner")
    tasks, all_tasks = len(board.tasks), len(comparison.tasks)
    if not board.common:
        return f"{runs}: {learners}, {counted(all_tasks, 'task')}. No task can be done by all, so nobody is ranked."
    part = (
        ""
        if tasks == all_tasks
        else f"; score and rank over the {tasks} that every compared learner has runs on"
    )
    return f"{runs}: {learners} on {counted(all_tasks, 'task')} with {counted(board.repetitions, 'repetition')}{part}."


def _wins(comparison: Comparison) -> str:
    data = summary(comparison)
    wins = data[data["best"]].groupby("learner").size().sort_values(ascending=False, kind="stable")
    if len(comparison.learners) < 2 or wins.empty:
        return ""
    named = [f"{_called(learner)} on {count}" for learner, count in wins.head(4).items()]
    rest = f" and {counted(len(wins) - 4, 'other')}" if len(wins) > 4 else ""
    return f"Best mean on a task: {', '.join(named)}{rest} (of {len(comparison.tasks)}; ties count for each)."


def _floor(board: Board) -> str:
    if not board.beaten_by_floor:
        return ""
    return f"Not better than {board.floor}: {', '.join(map(_called, board.beaten_by_floor))}."


def _failures(comparison: Comparison) -> str:
    failed = int(comparison.runs["status"].isin(FAILED).sum())
    return f"{counted(failed, 'run')} failed; failures take the last place in their rank." if failed else ""


def _sure(board: Board) -> str:
    if board.repetitions >= ENOUGH_FOR_BOOTSTRAP:
        return f"Interval: {board.interval}, over starts and random streams, not over splits."
    if board.repetitions < 2:
        return "One repetition gives no interval: 5 make a quick look, 10 a publication."
    advice = "5 repetitions make a quick look, 10 a publication"
    return f"Interval: {board.interval}, over starts and random streams, not over splits; {advice}."
