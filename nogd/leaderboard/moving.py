"""How the order of learners changes with a larger budget, or where learners are tuned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pandas import DataFrame, Series

from nogd.leaderboard.fields import Field
from nogd.leaderboard.standing import Standing
from nogd.leaderboard.wording import WITHOUT


@dataclass(frozen=True, eq=False)
class Moved:
    """The same tasks twice: before, with the smallest budget and everybody's defaults, and after.

    scores: of the learners that have runs on all tasks in both, columns "before" and "after", the best after first.
    without: those of them that do without back-propagation in both.
    """

    before: Standing
    after: Standing
    scores: DataFrame
    without: tuple[str, ...]

    @property
    def correlation(self) -> float:
        """The rank correlation of the two scores; NaN with fewer than three learners."""
        if len(self.scores) < 3:
            return float("nan")
        return float(self.scores["before"].rank().corr(self.scores["after"].rank()))

    @property
    def gains(self) -> Series[float]:
        """What the score of each learner gained, the most first."""
        found: Series[float] = self.scores["after"] - self.scores["before"]
        return found.sort_values(ascending=False, kind="stable")

    def place_before(self, learner: str) -> int:
        """The place that one of `without` had among them before, from 1."""
        scores = self.scores.loc[list(self.without), "before"]
        return int((scores > scores[learner]).sum()) + 1


def moved(standings: Sequence[Standing]) -> Iterator[Moved]:
    """Each field with a larger budget, or with tuned learners, beside the suite's first."""
    for after in standings:
        before = _before(after.field, standings)
        if before is not None:
            yield _moved(before, after)


def _before(field: Field, standings: Sequence[Standing]) -> Standing | None:
    same = [
        each
        for each in standings
        if each.field.suite == field.suite
        and each.field.tasks == field.tasks
        and not each.field.tuned
        and (each.field.forwards == field.forwards if field.tuned else each.field.forwards < field.forwards)
    ]
    return min(same, key=lambda each: each.field.forwards, default=None)


def _moved(before: Standing, after: Standing) -> Moved:
    tables = {"before": before.whole, "after": after.whole}
    scores = DataFrame({name: table.set_index("learner")["score"] for name, table in tables.items()})
    scores = scores.dropna().sort_values("after", ascending=False, kind="stable")
    without = [
        str(learner)
        for learner in scores.index
        if all(each.row(str(learner))["class"] in WITHOUT for each in (before, after))
    ]
    return Moved(before, after, scores, tuple(without))
