"""Which learners to try on a task, from what was measured on tasks like it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame, Series

from nogd.errors import InvalidSetting
from nogd.leaderboard.facts import Facts
from nogd.leaderboard.fields import on_surrogate
from nogd.leaderboard.standing import CLASSES

OTHERS = 2.0
"""The tasks of other kinds count together as so many of the task's own kind: where few were measured, what learners are
worth elsewhere is better than nothing."""
NEAR = 0.25
"""The best of another class is tried, too, where its regret is no more than this above the first's."""
MOST = 1.0
"""More regret than this on one task is cut: none of them must decide."""
_FARTHEST = (-1.0, 2.0)
COLUMNS = (
    *("learner", "class", "package", "regret", "worst", "tasks"),
    *("score", "low", "high", "first_on", "failed", "cpu_seconds"),
)


@dataclass(frozen=True)
class Advice:
    """What was measured on the task itself, or on all tasks of its kind.

    like: the task itself, or those of its kind. forwards: the budget that was measured, by task. table: one row for
    each learner that has runs on one of them, the one with the least regret first, with COLUMNS. regret: how far below
    the best learner of a task its score is, 0 ... 1, as `expected` has it for tasks of this kind. worst: the largest of
    the `tasks` that it has runs on; first_on: on how many of them it is the best. score, low, high: means over them of
    its score, its lowest run and its highest, each cut to -1 ... 2.
    """

    facts: Facts
    like: tuple[Facts, ...]
    forwards: Mapping[str, float]
    table: DataFrame

    @property
    def is_itself(self) -> bool:
        """Whether the task itself was measured."""
        return [each.task for each in self.like] == [self.facts.task]

    @property
    def best_of_classes(self) -> DataFrame:
        """The best learner of each class, in the order of classes, surrogates of the task aside."""
        rows = self.table[~self.table["learner"].map(on_surrogate)]
        firsts = rows.drop_duplicates("class").set_index("class")
        found: DataFrame = firsts.reindex([name for name in CLASSES if name in firsts.index]).reset_index()
        return found[list(COLUMNS)]

    @property
    def to_try(self) -> list[str]:
        """At most four learners: the best, those of other classes that come near, and random search as the minimum."""
        best = self.best_of_classes.sort_values("regret", kind="stable")
        near = best[best["regret"] <= best["regret"].min() + NEAR]["learner"].tolist()[:3]
        return [*near, *(["random-search"] if "random-search" not in near else [])]


def advise(
    facts: Facts, forwards: float, measured: DataFrame, known: Mapping[str, Facts], *, itself: bool = True
) -> Advice:
    """What to try on a task.

    :param facts: of the task.
    :param forwards: the budget; of each task counts what was measured at the one that is nearest to it.
    :param measured: `nogd.leaderboard.measured.COLUMNS`.
    :param known: facts of the tasks that were measured.
    :param itself: whether a task that was measured is judged by itself alone, and not by others.
    :raises InvalidSetting: where nothing was measured on tasks of its kind.
    """
    tasks = [known[name] for name in sorted(set(measured["task"]) & set(known))]
    if itself and facts.task in {each.task for each in tasks}:
        like, others = [facts], []
    else:
        like = [each for each in tasks if each.is_like(facts) and each.task != facts.task]
        others = [each for each in tasks if not each.is_like(facts) and each.task != facts.task]
    if not like:
        kind = (
            "simulated" if facts.simulated else "with a gradient" if facts.gradient else "without a gradient"
        )
        raise InvalidSetting(
            f"nothing was measured on tasks {kind}, so there is nothing to go by for {facts.task!r}."
        )
    budgets = {each.task: _nearest(forwards, _budgets(measured, each.task)) for each in (*like, *others)}
    rows = measured[measured["forwards"] == measured["task"].map(budgets)]
    table = _ordered(rows, [each.task for each in like], [each.task for each in others])
    return Advice(facts, tuple(like), {each.task: budgets[each.task] for each in like}, table)


def _budgets(measured: DataFrame, task: str) -> Iterable[float]:
    return map(float, measured.loc[measured["task"] == task, "forwards"])


def _nearest(forwards: float, budgets: Iterable[float]) -> float:
    return min(sorted(set(budgets)), key=lambda each: abs(np.log(each / forwards)))


def regret_table(rows: DataFrame) -> DataFrame:
    """How far below the best each learner is on each task, 0 ... MOST; NaN where it has no runs.

    :param rows: `nogd.leaderboard.measured.COLUMNS`, one row for each learner and task.
    """
    scores = rows.pivot(index="learner", columns="task", values="score").clip(*_FARTHEST)
    return (scores.max() - scores).clip(upper=MOST)


def expected(regrets: DataFrame, like: Sequence[str], others: Sequence[str]) -> Series[float]:
    """What each learner is expected to lose on a task of one kind; NaN where it has runs on none.

    It is the middle learner's mean regret, and how far the learner is from the middle one on the tasks that it has runs
    on: what it cannot do speaks neither for nor against it. Tasks of other kinds count together as OTHERS.

    :param regrets: as from `regret_table`.
    """
    middle = regrets.median()
    away = regrets - middle
    own, other = away[list(like)], away[list(others)]
    weight = OTHERS if others else 0.0
    elsewhere = weight * other.mean(axis=1).fillna(0.0)
    return middle[list(like)].mean() + (own.sum(axis=1, min_count=1) + elsewhere) / (
        own.notna().sum(axis=1) + weight
    )


def _ordered(rows: DataFrame, like: Sequence[str], others: Sequence[str]) -> DataFrame:
    """The learners with runs on tasks of the kind, the one with the least regret first."""
    regrets = regret_table(rows)
    own = regrets[list(like)].dropna(how="all")
    kind = rows[rows["task"].isin(like)]
    cut = kind.assign(**{name: kind[name].clip(*_FARTHEST) for name in ("score", "low", "high")})
    groups = cut.groupby("learner")
    found = groups[["class", "package"]].first().join(groups[["score", "low", "high", "cpu_seconds"]].mean())
    found = found.join(groups[["failed"]].sum()).assign(
        regret=expected(regrets, like, others),
        worst=own.max(axis=1),
        tasks=own.notna().sum(axis=1),
        first_on=(own <= 0).sum(axis=1),
    )
    ordered = found.reset_index().sort_values(["regret", "learner"], kind="stable")
    shown = ordered.assign(regret=ordered["regret"].clip(lower=0.0))
    return shown[list(COLUMNS)].reset_index(drop=True)


def regrets(
    forwards: float, measured: DataFrame, known: Mapping[str, Facts], rivals: Sequence[str]
) -> DataFrame:
    """How far below the best of a task the advised learner is, when the task itself is left out of what it knows.

    :param rivals: learners that would always be taken instead.
    :returns: one row for each task: task, gradient, advised, regret, best (the least regret of all that are named to
        try), and one column for each rival (NaN where it cannot do the task); in scores, 0 ... 1.
    """
    rows = []
    for name in sorted(set(measured["task"]) & set(known)):
        budget = _nearest(forwards, _budgets(measured, name))
        own = measured[(measured["task"] == name) & (measured["forwards"] == budget)]
        lost = regret_table(own)[name]
        try:
            told = advise(known[name], forwards, measured, known, itself=False)
        except InvalidSetting:
            continue
        able = [each for each in told.table["learner"] if each in lost.index and not on_surrogate(each)]
        if able:
            row = {
                "task": name,
                "gradient": known[name].gradient,
                "advised": able[0],
                "regret": lost[able[0]],
            }
            best = lost.reindex([able[0], *told.to_try]).min()
            rows.append(row | {"best": best} | {rival: lost.get(rival, float("nan")) for rival in rivals})
    return DataFrame(rows, columns=["task", "gradient", "advised", "regret", "best", *rivals])
