"""The four questions of a reader in a hurry: who won, on what, at what cost, how sure."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from nogd.report.figure import Comparison
from nogd.report.figures.task_table import summary
from nogd.report.forms.verdict import called, notes, nothing_succeeded, objection
from nogd.report.names import counted
from nogd.report.numbers.formats import number, time_text
from nogd.report.numbers.leaderboard import Board
from nogd.report.numbers.origins import budgets_told
from nogd.report.numbers.statistics import ENOUGH_FOR_BOOTSTRAP
from nogd.report.numbers.verdict import ALONE, DISPUTED, LEADS, NO_TASK, NO_TEST, TIED, UNEQUAL, Verdict


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
    found = [_who(comparison), _what(comparison, board), _cost(comparison, board), _sure(comparison, board)]
    return [answer for answer in found if answer is not None]


def sentences(comparison: Comparison) -> list[str]:
    """The answers and what else a reader should know, a sentence or two each: for forms without a first screen."""
    told = [
        f"{each.question}: {each.answer.rstrip('.')}. {each.behind}".strip() for each in answers(comparison)
    ]
    return told + notes(comparison)


def _who(comparison: Comparison) -> Answer | None:
    """What the verdict says, in a word or two, and what is behind it."""
    verdict = comparison.verdict
    if verdict.kind in (ALONE, NO_TASK):
        return None
    first = called(verdict.first)
    told = {
        LEADS: first,
        TIED: f"tied: {first} and {counted(len(verdict.rivals), 'other')}",
        DISPUTED: f"{first}, disputed",
        NO_TEST: f"{first}, too few runs to tell",
        UNEQUAL: "no winner at unequal cost",
    }[verdict.kind]
    return Answer("Who won", told, f"{_why(verdict)} {_wins(comparison, verdict.first)}".strip())


def _why(verdict: Verdict) -> str:
    if verdict.kind != LEADS:
        return ""
    others = "those of every other learner" if len(verdict.chances) > 1 else "the other learner's"
    return f"Its runs beat {others} more often than chance explains."


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
    """What the first spent, beside what a run may spend at most."""
    budget = budgets_told(comparison.runs)
    first = board.table.iloc[0]
    if pd.isna(first["forwards"]) or pd.isna(first["seconds"]):
        return Answer("At what cost", budget, "The budget of each run.")
    spent = f"{number(first['forwards'], ',.0f')} forwards, {number(first['seconds'], '.3g')} s"
    outside = "" if pd.isna(first["overhead"]) else f", {first['overhead']:.0%} of the time outside scoring"
    who = called(first["learner"])
    return Answer(
        "At what cost", spent, f"A run of {who}{outside}. Budget of a run: {budget}.{_targets(first)}"
    )


def _targets(row: pd.Series) -> str:
    """How many of the frozen targets it reached, and how soon; empty where none is frozen."""
    if pd.isna(row["targets_hit"]) or pd.isna(row["relative_time"]):
        return ""
    time = time_text(row["relative_time"], row["unsolved"]).replace(">", "more than ")
    soon = f"{time} times the forwards of the reference"
    return f" It reached {row['targets_hit']:.0%} of the targets, in {soon}."


def _sure(comparison: Comparison, board: Board) -> Answer:
    verdict = comparison.verdict
    kind = f"{board.interval}; it covers starts and random streams, not other splits.{_more(board)}"
    if verdict.kind == NO_TEST:
        few = (
            "uncertainty unknown"
            if board.repetitions < 2
            else f"only {counted(board.repetitions, 'repetition')}"
        )
        return Answer("How sure", few, f"No test can show a difference between so few runs. {kind}")
    if not verdict.chances:
        return Answer("How sure", counted(board.repetitions, "repetition"), kind)
    if verdict.kind == LEADS:
        near = verdict.closest
        told = f"Closest is {called(near.learner)}: {near.probability:.0%} of runs won, p = {near.p:.2g}."
        return Answer("How sure", "beyond chance", f"{told} {kind}")
    if verdict.dispute is not None:
        return Answer("How sure", "measures disagree", f"But {objection(verdict.dispute)}. {kind}")
    named = ", ".join(map(called, verdict.rivals[:3]))
    more = f" and {len(verdict.rivals) - 3} more" if len(verdict.rivals) > 3 else ""
    return Answer("How sure", "not beyond chance", f"Not told apart from the first: {named}{more}. {kind}")


def _more(board: Board) -> str:
    if board.repetitions >= ENOUGH_FOR_BOOTSTRAP:
        return ""
    return " Use 5 repetitions for a quick look, 10 for a publication."
