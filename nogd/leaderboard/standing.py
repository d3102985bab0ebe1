"""How learners stand in a field: score, class, costs, and whether the first of a class is ahead beyond chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pandas import DataFrame

from nogd.leaderboard.fields import SURROGATE, Field, on_surrogate
from nogd.plugins.access import ACCESS, strongest
from nogd.report.numbers.finals import FAILED, applicable, finite, matrices
from nogd.report.numbers.paired import LEVEL, block_differences, smallest_p
from nogd.report.numbers.statistics import FloatArray, pooled_interquartile_mean, pooled_score
from nogd.report.numbers.verdict import Chance, chances_of

GRADIENT = "gradient"
SURROGATE_GRADIENT = f"{SURROGATE} gradient"
BACK_PROPAGATED = (SURROGATE_GRADIENT, GRADIENT)
"""Classes that take a gradient back through the network, or through what stands for it."""
CLASSES = (*(each for each in ACCESS if each != GRADIENT), SURROGATE_GRADIENT, GRADIENT)
COLUMNS = (
    *("learner", "class", "ours", "tasks", "score", "score_low", "score_high", "best_score"),
    *("failed", "runs", "cpu_seconds", "memory_mb"),
)
Verdict = Literal["ahead", "behind", "level", "untold"]


@dataclass(frozen=True, eq=False)
class Standing:
    """The learners of a field, those that can do all of its tasks first, then by score.

    table: one row for each, with COLUMNS. `class`: the strongest access that a run used, or "surrogate gradient".
    `tasks`: how many of the field's it has runs on. score, score_low, score_high: interquartile mean of normalised
    scores, with a 95 % bootstrap interval; best_score: where validation loss was lowest. cpu_seconds: mean of a run;
    memory_mb: the median peak of the process.
    """

    field: Field
    table: DataFrame
    losses: Mapping[str, FloatArray]

    @property
    def whole(self) -> DataFrame:
        """The learners that have runs on all tasks."""
        return self.table[self.table["tasks"] == len(self.field.tasks)]

    def first_of(self, classes: Sequence[str]) -> str | None:
        """The learner with the best score in some classes, of those that can do all tasks; None without any."""
        rows = self.whole[self.whole["class"].isin(classes)]
        return None if rows.empty else str(rows["learner"].iloc[0])

    def row(self, learner: str) -> Mapping[str, Any]:
        """A learner's row. Raises KeyError where it has none."""
        rows = self.table[self.table["learner"] == learner]
        if rows.empty:
            raise KeyError(f"{learner!r} is not in {self.field.name}")
        return {str(name): value for name, value in rows.iloc[0].items()}

    def against(self, first: str, other: str) -> Chance:
        """How often a run of the first beats one of the other with the same start, and whether that is chance."""
        return chances_of(self.losses, first, [other])[0]

    def is_ahead(self, first: str, other: str) -> bool:
        """Whether the first beats the other more often than chance explains."""
        return self.verdict(first, other) == "ahead"

    def verdict(self, first: str, other: str) -> Verdict:
        """Which of the two is ahead beyond chance; without that, whether a difference could have been shown."""
        chance = self.against(first, other)
        if chance.p < LEVEL and chance.probability != 0.5:
            return "ahead" if chance.probability > 0.5 else "behind"
        return "level" if self.is_testable(first, other) else "untold"

    def is_testable(self, first: str, other: str) -> bool:
        """Whether a difference could be shown at all: with three runs each, even three wins may be chance."""
        untied = int(np.count_nonzero(block_differences(self.losses[first], self.losses[other])))
        return not untied or smallest_p(untied) < LEVEL


def standing(field: Field, ours: Sequence[str]) -> Standing:
    """How the learners of a field stand.

    :param field: the field.
    :param ours: names of learners that are marked, whatever their settings.
    """
    finals = field.tables.finals
    scores, best, losses = (matrices(finals, each) for each in ("score", "best_score", "ranked"))
    tasks = finals.groupby("learner")["task"].nunique()
    rows = [
        {
            "learner": learner,
            "class": class_of(str(learner), mine),
            "ours": str(mine["learner_name"].iloc[0]) in ours,
            "tasks": int(tasks.get(learner, 0)),
            **_score(str(learner), scores[str(learner)], best[str(learner)]),
            "failed": int(mine["status"].isin(FAILED).sum()),
            "runs": len(mine),
            "cpu_seconds": _mean(finite(mine, "cpu_seconds")),
            "memory_mb": _median(finite(mine, "memory_mb")),
        }
        for learner, mine in applicable(field.tables.runs).groupby("learner")
    ]
    table = DataFrame(rows, columns=list(COLUMNS))
    order = table.assign(whole=table["tasks"] < len(field.tasks), down=-table["score"])
    ordered = order.sort_values(["whole", "down", "learner"], na_position="last", kind="stable")
    return Standing(field, ordered[list(COLUMNS)].reset_index(drop=True), losses)


def class_of(learner: str, runs: DataFrame) -> str:
    """The strongest access that any of a learner's runs used; a surrogate's gradient is a class of its own."""
    found = strongest(each for each in runs["access"].dropna() if each)
    return SURROGATE_GRADIENT if found == GRADIENT and on_surrogate(learner) else found


def _score(learner: str, scores: FloatArray, best: FloatArray) -> dict[str, float]:
    """The pooled score with its interval, and the one where validation loss was lowest."""
    score, low, high = pooled_score(scores, learner)
    best_score = float(pooled_interquartile_mean(best))
    return {"score": score, "score_low": low, "score_high": high, "best_score": best_score}


def _mean(values: FloatArray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _median(values: FloatArray) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else float("nan")
