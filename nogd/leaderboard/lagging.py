"""Where the best of our own learners is not first without back-propagation, and the tasks that it loses most on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pandas import DataFrame

from nogd.leaderboard.standing import Standing
from nogd.leaderboard.wording import WITHOUT
from nogd.report.numbers.statistics import interquartile_mean


@dataclass(frozen=True, eq=False)
class Lag:
    """The best of ours beside the first of all that do without back-propagation.

    scores: interquartile means by task, columns "ours" and "first", the largest gap first.
    """

    standing: Standing
    ours: str
    first: str
    scores: DataFrame

    @property
    def is_behind(self) -> bool:
        """Whether the first wins more often than chance explains."""
        return self.standing.is_ahead(self.first, self.ours)

    def lost(self, least: float) -> DataFrame:
        """The rows of the tasks on which the gap is no smaller than this."""
        return self.scores[self.scores["first"] - self.scores["ours"] >= least]


def lagging(standings: Sequence[Standing]) -> Iterator[Lag]:
    """Each field in which one of ours can do all tasks and another is ahead of it, with everybody's defaults."""
    for each in standings:
        ours, first = each.whole.loc[each.whole["ours"], "learner"], each.first_of(WITHOUT)
        if len(ours) and first is not None and ours.iloc[0] != first and not each.field.tuned:
            yield _lag(each, str(ours.iloc[0]), first)


def _lag(standing: Standing, ours: str, first: str) -> Lag:
    finals = standing.field.tables.finals
    names = {ours: "ours", first: "first"}
    rows = finals[finals["learner"].isin(names)].groupby(["task", "learner"])["score"]
    scores = rows.agg(lambda each: float(interquartile_mean(each.to_numpy(dtype=float)))).unstack()
    named = scores.rename(columns=names)
    gaps = (named["first"] - named["ours"]).sort_values(ascending=False, kind="stable")
    return Lag(standing, ours, first, named.loc[gaps.index])
