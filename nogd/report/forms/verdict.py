"""The comparison in a few sentences: who won, on what, at what cost, and how sure that is."""

from __future__ import annotations

import pandas as pd

from nogd.report.figure import Comparison
from nogd.report.forms.board_text import outside_told, without_scale
from nogd.report.names import counted, short_name
from nogd.report.numbers.finals import FAILED, NOT_APPLICABLE
from nogd.report.numbers.formats import score_text
from nogd.report.numbers.leaderboard import Board
from nogd.report.numbers.statistics import ENOUGH_FOR_A_LOOK


def headline(comparison: Comparison) -> str:
    """One sentence: who won."""
    runs = comparison.runs
    if runs.empty:
        return "No run is stored here yet."
    if nothing_succeeded(comparison):
        return f"None of the {len(runs)} runs succeeded, so nothing can be compared."
    if len(runs) == 1:
        return _one_run(comparison)
    table = comparison.board.table
    if len(table) == 1:
        return f"{called(table['learner'][0])} alone on {counted(len(comparison.tasks), 'task')}."
    return _winner(comparison.board)


def notes(comparison: Comparison) -> list[str]:
    """What else a reader should know: tasks without a scale, who is no better than the floor, failures."""
    runs = comparison.runs
    if runs.empty:
        return ["Fill it with: nogd run --all"]
    if nothing_succeeded(comparison):
        return ["The reasons are listed below."]
    board = comparison.board
    said = [without_scale(comparison, board), _minimum_baseline(board), _failures(comparison)]
    return [sentence for sentence in said if sentence]


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


def _winner(board: Board) -> str:
    table = board.table
    first, second = table.iloc[0], table.iloc[1]
    name, other = called(first["learner"]), called(second["learner"])
    if pd.isna(first["score"]) or pd.isna(second["score"]):
        return _winner_by_rank(board)
    score, next_score = score_text(first["score"]), score_text(second["score"])
    told = f"both score {score}" if score == next_score else f"score {score} against {next_score}"
    if board.unequal:
        return f"Unequal cost, so there are no ranks; {name} and {other} have the highest scores ({told})."
    if pd.isna(first["score_low"]) or pd.isna(second["score_low"]):
        return f"{name} is ahead of {other} ({told}), but the uncertainty is unknown: one run only."
    apart = first["score_low"] > second["score_high"]
    if apart and board.repetitions < ENOUGH_FOR_A_LOOK:
        few = counted(board.repetitions, "repetition")
        return f"{name} is ahead of {other} ({told}), but {few} are too few to be sure."
    if apart:
        return f"{name} leads, ahead of {other} ({told}; their intervals do not overlap)."
    return f"{name} leads {other}, but not clearly ({told}; their intervals overlap)."


def _winner_by_rank(board: Board) -> str:
    ranked = board.table.dropna(subset=["mean_rank"]).sort_values(["mean_rank", "learner"])
    if ranked.empty:
        return f"{counted(len(board.table), 'learner')}, and no common scale to rank them on."
    first = ranked.iloc[0]
    return f"{called(first['learner'])} has the best mean rank, {first['mean_rank']:.2f} of {len(ranked)}."


def _minimum_baseline(board: Board) -> str:
    if not board.below_minimum:
        return ""
    return f"Not better than {board.minimum_baseline}: {', '.join(map(called, board.below_minimum))}."


def _failures(comparison: Comparison) -> str:
    failed = int(comparison.runs["status"].isin(FAILED).sum())
    return f"{counted(failed, 'run')} failed; failures take the last place in their ranks." if failed else ""
