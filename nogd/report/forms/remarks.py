"""Sentences on what a leaderboard leaves out or must be checked, the same in every form."""

from __future__ import annotations

import shlex
from pathlib import Path

from nogd.report.names import clean, listed, short_names
from nogd.report.numbers.finals import FAILED, applicable
from nogd.report.numbers.leaderboard import Board
from nogd.report.numbers.tables import Tables

LOST = "!"
"""Marks a score beside which all runs on some task failed."""


def outside_told(board: Board) -> str:
    """That a top score was made outside the objective, where cost is not counted; empty where none was."""
    names = ", ".join(short_names(list(map(clean, board.top_outside)), 40))
    return names and (
        f"Check this: {names} scored best, but spent nearly all of the time outside the objective, where nothing is"
        " counted."
    )


def lost_told(board: Board) -> str:
    """Whose runs on some task all failed, which an interquartile mean may hide; empty where there is none."""
    told = [
        f"{short_names([learner], 40)[0]} ({listed(short_names(tasks, 40), 3)})"
        for learner, tasks in board.lost.items()
    ]
    return f"{LOST} All runs on a task failed: {listed(told, 4)}." if told else ""


def without_scale(comparison: Tables, board: Board) -> str:
    """A sentence on the tasks that count in ranks but not in scores; empty where there is none."""
    finals = comparison.finals[comparison.finals["task"].isin(board.tasks)]
    scaled = set(finals.loc[finals["score"].notna(), "task"])
    without = [task for task in board.tasks if task not in scaled]
    runs = applicable(comparison.runs)
    told = set(runs.loc[~runs["status"].isin(FAILED), "task"])
    unknown = [task for task in without if task not in told]
    unscaled = [task for task in without if task in told]
    sentences = []
    if unknown:
        sentences.append(f"Not in the score: {', '.join(short_names(unknown, 40))}, where no run succeeded.")
    if unscaled:
        sentences.append(_unscaled(unscaled, anything=bool(scaled or unknown)))
    return " ".join(sentences)


def _unscaled(tasks: list[str], *, anything: bool) -> str:
    asked = [("-t", str(task)) for task in tasks] + [
        ("--plugin", _shortest(path)) for path in _given_plugins()
    ]
    freeze = "nogd targets freeze " + " ".join(f"{option} {shlex.quote(value)}" for option, value in asked)
    lacking = f"a frozen reference that beats the constant predictor ({freeze!r} freezes one)"
    if not anything:
        return f"No score: no task here has {lacking}."
    return f"Not in the score: {', '.join(short_names(tasks, 40))}, without {lacking}."


def _given_plugins() -> tuple[str, ...]:
    """The plugins that were given by hand, without which their tasks are not found."""
    from nogd.plugins.manager import plugins

    return plugins().settings.extra


def _shortest(path: str) -> str:
    """A path from here where it lies below."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path
