"""Which learners to try on a task, from what was measured on tasks like it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame

from nogd.errors import InvalidSetting
from nogd.leaderboard.facts import Facts
from nogd.leaderboard.standing import CLASSES, SURROGATE_GRADIENT
from nogd.report.numbers.statistics import FloatArray

LIKE = 5
"""So many of the tasks that are nearest in size are asked."""
_FARTHEST = (-1.0, 2.0)
"""One task with a huge score must not decide."""
COLUMNS = ("learner", "class", "package", "score", "low", "high", "first_on", "failed", "cpu_seconds")


@dataclass(frozen=True)
class Advice:
    """What was measured on the task itself, or on those that are most like it.

    table: one row for each learner that has runs on all of them, the best first, with COLUMNS; score: the mean over
    tasks, each cut to -1 ... 2; low, high: the same of the lowest and the highest runs; first_on: of how many tasks it
    is the best. forwards: the budget that was measured, by task.
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
        """The best learner of each class, in the order of classes, surrogates aside."""
        rows = self.table[self.table["class"] != SURROGATE_GRADIENT]
        firsts = rows.drop_duplicates("class").set_index("class")
        found: DataFrame = firsts.reindex([name for name in CLASSES if name in firsts.index]).reset_index()
        return found[list(COLUMNS)]

    @property
    def to_try(self) -> list[str]:
        """At most four learners: the best, those of other classes that come near, and random search as the minimum."""
        best = self.best_of_classes.sort_values("score", ascending=False)
        near = best[best["score"] >= best["score"].max() - 0.25]["learner"].tolist()[:3]
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
    tasks = set(measured["task"]) & set(known)
    if itself and facts.task in tasks:
        like = [facts]
    else:
        kin = [known[name] for name in sorted(tasks) if known[name].is_like(facts) and name != facts.task]
        like = sorted(kin, key=lambda each: (facts.distance(each), each.task))[:LIKE]
    if not like:
        kind = (
            "simulated" if facts.simulated else "with a gradient" if facts.gradient else "without a gradient"
        )
        raise InvalidSetting(
            f"nothing was measured on tasks {kind}, so there is nothing to go by for {facts.task!r}."
        )
    budgets = {
        each.task: _nearest(forwards, measured.loc[measured["task"] == each.task, "forwards"])
        for each in like
    }
    rows = measured[measured["forwards"] == measured["task"].map(budgets)]
    return Advice(facts, tuple(like), budgets, _ordered(rows, [each.task for each in like]))


def _nearest(forwards: float, budgets: Iterable[float]) -> float:
    return min(sorted(set(map(float, budgets))), key=lambda each: abs(np.log(each / forwards)))


def _ordered(rows: DataFrame, tasks: Sequence[str]) -> DataFrame:
    """Learners with runs on all of the tasks, the best first."""
    counts = rows.groupby("learner")["task"].nunique()
    whole = rows[rows["learner"].isin(counts.index[counts == len(tasks)])]
    best = whole.groupby("task")["score"].transform("max")
    table = whole.assign(
        first_on=whole["score"] >= best, **{name: _cut(whole[name]) for name in ("score", "low", "high")}
    )
    groups = table.groupby("learner")
    found = (
        groups[["class", "package"]]
        .first()
        .join(
            groups[["score", "low", "high", "cpu_seconds"]].mean().join(groups[["first_on", "failed"]].sum())
        )
    )
    ordered = found.reset_index().sort_values(["score", "learner"], ascending=[False, True], kind="stable")
    return ordered[list(COLUMNS)].reset_index(drop=True)


def _cut(values: object) -> FloatArray:
    return np.asarray(np.clip(np.asarray(values, dtype=float), *_FARTHEST))


def regrets(
    forwards: float, measured: DataFrame, known: Mapping[str, Facts], rivals: Sequence[str]
) -> DataFrame:
    """How far below the best of a task the advised learner is, when the task itself is left out of what it knows.

    :param rivals: learners that would always be taken instead.
    :returns: one row for each task: task, gradient, advised, regret, and one column for each rival (NaN where it cannot
        do the task); in scores, cut to -1 ... 2.
    """
    rows = []
    for name in sorted(set(measured["task"]) & set(known)):
        budget = _nearest(forwards, measured.loc[measured["task"] == name, "forwards"])
        own = measured[(measured["task"] == name) & (measured["forwards"] == budget)]
        scores = dict(zip(own["learner"], _cut(own["score"]), strict=True))
        try:
            told = advise(known[name], forwards, measured, known, itself=False)
        except InvalidSetting:
            continue
        able = [
            learner for learner in told.table["learner"] if learner in scores and not learner.endswith(")")
        ]
        if not able:
            continue
        best = max(scores.values())
        rows.append(
            {
                "task": name,
                "gradient": known[name].gradient,
                "advised": able[0],
                "regret": best - scores[able[0]],
            }
            | {rival: best - scores.get(rival, float("nan")) for rival in rivals}
        )
    return DataFrame(rows, columns=["task", "gradient", "advised", "regret", *rivals])
