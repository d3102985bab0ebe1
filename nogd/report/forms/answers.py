"""The four questions of a reader in a hurry: who won, on what, at what cost, how sure."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from pandas import DataFrame

from nogd.report.figure import Comparison
from nogd.report.figures.task_table import summary
from nogd.report.forms.verdict import called, notes, nothing_succeeded
from nogd.report.names import counted
from nogd.report.numbers.formats import number, score_text, time_text
from nogd.report.numbers.leaderboard import Board
from nogd.report.numbers.origins import budgets_told
from nogd.report.numbers.statistics import ENOUGH_FOR_A_LOOK, ENOUGH_FOR_BOOTSTRAP


@dataclass(frozen=True)
class Answer:
    """One of the four questions of a reader in a hurry: a few words, and the sentences behind them."""

    question: str
    answer: str
    behind: str


def answers(comparison: Comparison) -> list[Answer]:
    """Who won, on what, at what cost, how sure; nothing where no run succeeded."""
    if nothing_succeeded(comparison):
        return []
    board = comparison.board
    found = [_who(comparison, board), _what(comparison, board), _cost(comparison, board), _sure(board)]
    return [answer for answer in found if answer is not None]


def sentences(comparison: Comparison) -> list[str]:
    """The answers and what else a reader should know, a sentence or two each: for forms without a first screen."""
    told = [
        f"{each.question}: {each.answer.rstrip('.')}. {each.behind}".strip() for each in answers(comparison)
    ]
    return told + notes(comparison)


def _who(comparison: Comparison, board: Board) -> Answer | None:
    """The first of the leaderboard, where there is somebody to be ahead of."""
    first = _first(board)
    if first is None or len(board.table) < 2:
        return None
    name = first["learner"]
    winner = "no winner at unequal cost" if board.unequal else f"{called(name)}{_doubt(board)}"
    wins = f"{_wins(comparison, name)}{_other_by_rank(board, name)}"
    if pd.isna(first["score"]):
        return Answer("Who won", winner, f"Mean rank {number(first['mean_rank'], '.2f')}. {wins}")
    second = board.table.iloc[1]
    highest = f"{called(name)} has the highest score" if board.unequal else "Score"
    told = f"{highest} {score_text(first['score'])}; next is {called(second['learner'])} with "
    return Answer("Who won", winner, f"{told}{score_text(second['score'])}. {wins}")


def _first(board: Board) -> pd.Series | None:
    """The leader: by score, or by mean rank where there are no scores; None where there is none."""
    table = board.table
    if table["score"].notna().any():
        return table.iloc[0]
    ranked = table.dropna(subset=["mean_rank"]).sort_values(["mean_rank", "learner"])
    return None if ranked.empty else ranked.iloc[0]


def _doubt(board: Board) -> str:
    """What keeps the first from being the winner; empty where nothing does."""
    if board.repetitions < 2:
        return ", in one repetition"
    if _rivals(board.table.dropna(subset=["score_low", "score_high"])):
        return ", not clearly"
    few = board.repetitions < ENOUGH_FOR_A_LOOK
    return f", in {counted(board.repetitions, 'repetition')}" if few else ""


def _other_by_rank(board: Board, first: str) -> str:
    """Who has a better mean rank than the first by score; empty where none has."""
    ranks = board.table.dropna(subset=["mean_rank"]).sort_values(["mean_rank", "learner"])
    if ranks.empty or ranks["mean_rank"].iloc[0] >= ranks.loc[ranks["learner"] == first, "mean_rank"].min():
        return ""
    return f" By mean rank {called(ranks['learner'].iloc[0])} is first."


def _wins(comparison: Comparison, learner: str) -> str:
    data = summary(comparison)
    tasks = data["task"].nunique()
    if not tasks:
        return ""
    count = int(data[data["best"]]["learner"].eq(learner).sum())
    return f"Best mean on {count} of {counted(tasks, 'task')}."


def _what(comparison: Comparison, board: Board) -> Answer:
    tasks, learners = counted(len(comparison.tasks), "task"), counted(len(comparison.learners), "learner")
    return Answer("On what", f"{tasks}, {learners}", _scope(comparison, board))


def _scope(comparison: Comparison, board: Board) -> str:
    runs = counted(len(comparison.runs), "run")
    learners = counted(len(comparison.learners), "learner")
    tasks, all_tasks = len(board.tasks), len(comparison.tasks)
    if not board.common:
        return f"{runs}: {learners}, {counted(all_tasks, 'task')}. No task can be done by all, so there are no ranks."
    part = (
        ""
        if tasks == all_tasks
        else f"; score and rank over the {tasks} that every compared learner has runs on"
    )
    return f"{runs}: {learners} on {counted(all_tasks, 'task')} with {counted(board.repetitions, 'repetition')}{part}."


def _cost(comparison: Comparison, board: Board) -> Answer:
    budget = budgets_told(comparison.runs)
    first = _first(board)
    if first is None:
        return Answer("At what cost", budget, "The budget of each run.")
    who = "It" if len(board.table) < 2 else called(first["learner"])
    spent = f"{number(first['forwards'], ',.0f')} forwards and {number(first['seconds'], '.3g')} s"
    outside = "" if pd.isna(first["overhead"]) else f", {first['overhead']:.0%} of the time outside scoring"
    told = f"The budget of each run. {who} spent {spent} per run{outside}.{_targets(first)}"
    return Answer("At what cost", budget, told)


def _targets(row: pd.Series) -> str:
    """How many of the frozen targets it reached, and how soon; empty where none is frozen."""
    if pd.isna(row["targets_hit"]) or pd.isna(row["relative_time"]):
        return ""
    time = time_text(row["relative_time"], row["unsolved"]).replace(">", "more than ")
    soon = f"{time} times the forwards of the reference"
    return f" It reached {row['targets_hit']:.0%} of the targets, in {soon}."


def _sure(board: Board) -> Answer:
    if board.repetitions < 2:
        return Answer(
            "How sure",
            "uncertainty unknown",
            "One run only gives no interval: use 5 repetitions for a quick look, 10 for a publication.",
        )
    few = (
        ""
        if board.repetitions >= ENOUGH_FOR_BOOTSTRAP
        else " Use 5 repetitions for a quick look, 10 for a publication."
    )
    kind = f"{board.interval}; it covers starts and random streams, not other splits.{few}"
    compared = board.table.dropna(subset=["score_low", "score_high"])
    if len(compared) < 2:
        return Answer("How sure", counted(board.repetitions, "repetition"), kind)
    rivals = _rivals(compared)
    if not rivals and board.repetitions < ENOUGH_FOR_A_LOOK:
        said = "No other interval overlaps that of the first, but with so few repetitions this may be chance."
        return Answer("How sure", f"only {counted(board.repetitions, 'repetition')}", f"{said} {kind}")
    if not rivals:
        return Answer("How sure", "intervals apart", f"No other interval overlaps that of the first. {kind}")
    named = ", ".join(map(called, rivals[:3])) + (f" and {len(rivals) - 3} more" if len(rivals) > 3 else "")
    return Answer("How sure", "intervals overlap", f"Intervals that overlap the first one's: {named}. {kind}")


def _rivals(compared: DataFrame) -> list[str]:
    """Learners whose interval overlaps that of the first."""
    if len(compared) < 2:
        return []
    low = compared["score_low"].iloc[0]
    others = compared.iloc[1:]
    return list(map(str, others.loc[others["score_high"] >= low, "learner"]))
