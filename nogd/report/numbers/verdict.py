"""Who won: the one judgement that title, tiles, terminal, Markdown and PDF quote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nogd.report.numbers.finals import matrices
from nogd.report.numbers.leaderboard import Board
from nogd.report.numbers.paired import (
    LEVEL,
    among_all,
    block_differences,
    exchange_p,
    profile_exchange_p,
    smallest_p,
)
from nogd.report.numbers.pairs import pairs_of
from nogd.report.numbers.running_time import profile_score, ratios_to_best
from nogd.report.numbers.statistics import FloatArray
from nogd.report.numbers.tables import Tables

LEADS, TIED, DISPUTED = "leads", "tied", "disputed"
NO_TEST, UNEQUAL, NO_TASK, ALONE = "no test", "unequal", "no task", "alone"
"""Without a judgement: too few runs for any test, budgets that differ, no task that all can do, nobody else."""

WINS, FAILURES, PROFILE = "wins", "failures", "profile"
"""What speaks against the first: another wins more often, tasks on which all its runs failed, another is sooner."""


@dataclass(frozen=True)
class Chance:
    """How often a run of the first beats one of another learner.

    p: that the two are alike; p_among_all: the same, corrected for all pairs of learners; blocks: how many pairs of
    runs with the same start there are.
    """

    learner: str
    probability: float
    p: float
    p_among_all: float
    blocks: int


@dataclass(frozen=True)
class Dispute:
    """What speaks against the first: `by` is a learner, or a task; `figure` how much, in the measure's own terms."""

    measure: str
    by: str
    figure: float


@dataclass(frozen=True)
class Verdict:
    """What may be said of the first of the leaderboard, against all others.

    It leads if its runs beat those of every other learner more often than chance explains (exact tests of runs that
    share their starts), and nothing speaks against it. chances: against each other learner, in the leaderboard's order;
    rivals: those of them that are not told apart from the first; behind: how many are behind it beyond chance.
    """

    kind: str
    first: str
    chances: tuple[Chance, ...] = ()
    rivals: tuple[str, ...] = ()
    behind: int = 0
    dispute: Dispute | None = None

    @property
    def closest(self) -> Chance:
        """The learner from which the first is told apart least."""
        return max(self.chances, key=lambda chance: (chance.p, -chance.probability))


def judge(comparison: Tables, board: Board) -> Verdict:
    """The judgement of a leaderboard, which must have a row."""
    first, *others = _compared(comparison, board)
    if board.unequal or not board.common or not others:
        return Verdict(UNEQUAL if board.unequal else NO_TASK if others else ALONE, first)
    finals = comparison.finals
    losses = matrices(finals[finals["task"].isin(board.tasks)], "ranked")
    chances = chances_of(losses, first, others)
    if board.repetitions < 2 or smallest_p(min(chance.blocks for chance in chances)) >= LEVEL:
        return Verdict(NO_TEST, first, chances, tuple(others))
    rivals = tuple(chance.learner for chance in chances if chance.p_among_all >= LEVEL)
    behind = sum(chance.p_among_all < LEVEL and chance.probability > 0.5 for chance in chances)
    dispute = _dispute(comparison, board, first, chances)
    if dispute:
        return Verdict(DISPUTED, first, chances, rivals, behind, dispute)
    if is_ahead(chances):
        return Verdict(LEADS, first, chances)
    return Verdict(TIED, first, chances, rivals, behind)


def _compared(comparison: Tables, board: Board) -> list[str]:
    """The board's learners that have a run on its tasks, best first; only the first where that has none."""
    finals = comparison.finals
    able = set(finals.loc[finals["task"].isin(board.tasks), "learner"])
    first, *others = map(str, board.table["learner"])
    return [first, *(other for other in others if other in able and first in able)]


def chances_of(losses: Mapping[str, FloatArray], first: str, others: Sequence[str]) -> tuple[Chance, ...]:
    """The first against each of the others; losses: of each learner, shape (repetitions, tasks)."""
    differences = np.stack(
        [block_differences(losses[first], losses[other]).ravel() for other in others], axis=1
    )
    p = exchange_p(differences)
    among = among_all(p, differences, len(others) + 1)
    return tuple(
        Chance(
            other,
            0.5 + float(differences[:, place].sum()),
            float(p[place]),
            float(among[place]),
            int((~np.isnan(losses[first]) & ~np.isnan(losses[other])).sum()),
        )
        for place, other in enumerate(others)
    )


def is_ahead(chances: Sequence[Chance]) -> bool:
    """Whether the first beats every other learner beyond chance."""
    return all(chance.p < LEVEL and chance.probability > 0.5 for chance in chances)


def _dispute(comparison: Tables, board: Board, first: str, chances: Sequence[Chance]) -> Dispute | None:
    """What speaks against the first, the gravest first."""
    lost = board.lost.get(first, ())
    if lost:
        return Dispute(FAILURES, lost[0], len(lost))
    better = [chance for chance in chances if chance.p < LEVEL and chance.probability < 0.5]
    if better:
        worst = min(better, key=lambda chance: chance.probability)
        return Dispute(WINS, worst.learner, 1.0 - worst.probability)
    return _sooner(comparison, board, first, [chance.learner for chance in chances])


def _sooner(comparison: Tables, board: Board, first: str, others: Sequence[str]) -> Dispute | None:
    """The learner with the best performance profile, where it is ahead of the first's beyond chance."""
    pairs = pairs_of(comparison, board.tasks, (first, *others))
    if pairs is None:
        return None
    profiles = profile_score(ratios_to_best(pairs.times))
    best = int(np.argmax(profiles))
    if not profiles[best] > profiles[0]:
        return None
    tasks = np.unique(pairs.tasks, return_inverse=True)[1]
    p = profile_exchange_p(pairs.paid, pairs.spent, tasks, (0, best))
    picked = p * len(others)  # it is the best of so many
    return Dispute(PROFILE, others[best - 1], float(profiles[best])) if picked < LEVEL else None
