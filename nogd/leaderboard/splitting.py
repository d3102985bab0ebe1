"""Whether the order of learners on a suite's tasks holds on other splits of the tasks' data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pandas import DataFrame, Series

from nogd.bench.tables import RunTables
from nogd.leaderboard.facts import Facts
from nogd.leaderboard.fields import Field, fields_of_suite, split_of, surrogates_of, together
from nogd.leaderboard.plan import Part, Plan
from nogd.leaderboard.standing import class_of
from nogd.leaderboard.wording import WITHOUT
from nogd.report.numbers.finals import applicable, matrices
from nogd.report.numbers.statistics import pooled_interquartile_mean

AGAIN = -1
"""In place of a split's number: other starts on the tasks' own split."""


@dataclass(frozen=True, eq=False)
class Held:
    """How the order in a field holds on other splits.

    field: the tasks that have other splits, on their own one. scores: of the learners that have runs on all tasks and
    splits, a column for each split by its number: 0 is the tasks' own, AGAIN other starts on it, as far as there are
    enough. without: those of them that do without back-propagation.
    """

    field: Field
    scores: DataFrame
    without: tuple[str, ...]

    @property
    def others(self) -> list[int]:
        """The numbers of the other splits."""
        return [number for number in map(int, self.scores.columns) if number > 0]

    def correlation(self, number: int) -> float:
        """The rank correlation of the scores on a split with those on the tasks' own; NaN where it was not run."""
        if number not in self.scores:
            return float("nan")
        return float(self.scores[0].rank().corr(self.scores[number].rank()))

    def order(self, number: int) -> list[str]:
        """The learners without back-propagation, the best on a split first."""
        rows = self.scores.loc[list(self.without), number]
        return [str(name) for name in rows.sort_values(ascending=False, kind="stable").index]


def held(plan: Plan, parts: Mapping[str, RunTables], facts: Mapping[str, Facts]) -> list[Held]:
    """How the order holds in each field that was run on other splits, in the plan's order.

    Scores on another split are on the scale of the task's own, and of as many starts as the other splits have.

    :param parts: the complete ones.
    :param facts: of the tasks on their own split.
    """
    known = [part for part in plan.parts if part.name in parts]
    suites = dict.fromkeys(part.suite for part in known if part.splits)
    mine = [[part for part in known if part.suite == suite and not part.tuned] for suite in suites]
    return [found for each in mine for found in _of_suite(each, parts, facts)]


def _of_suite(
    mine: Sequence[Part], parts: Mapping[str, RunTables], facts: Mapping[str, Facts]
) -> Iterator[Held]:
    own, other = ([part for part in mine if part.splits is splits] for splits in (False, True))
    if not own:
        return
    base = together(own, parts)
    moved = _on_the_scale_of(base.runs, together(other, parts))
    if moved.runs.empty:
        return
    asked = base.runs["task"].isin(moved.runs["task"]) & base.runs["budget"].isin(moved.runs["budget"])
    starts = base.runs["repetition"] // moved.runs["repetition"].nunique()
    numbers = sorted(map(int, moved.runs["split"].unique()))
    sets = {
        0: replace(base, runs=base.runs[asked & (starts == 0)]),
        AGAIN: replace(base, runs=base.runs[asked & (starts == 1)]),
        **{number: replace(moved, runs=moved.runs[moved.runs["split"] == number]) for number in numbers},
    }
    found: dict[tuple[bool, float], dict[int, Field]] = {}
    for number, tables in sets.items():
        for field in fields_of_suite(mine[0].suite, tables, facts, surrogates_of(mine)):
            found.setdefault((field.gradient, field.forwards), {})[number] = field
    yield from (_held(fields) for fields in found.values() if 0 in fields)


def _on_the_scale_of(base: DataFrame, tables: RunTables) -> RunTables:
    """Runs on other splits under the names of the tasks themselves, with their scale, and the split in a column."""
    names = tables.runs["task"].map(lambda task: split_of(str(task)))
    runs = tables.runs.assign(task=names.str[0], split=names.str[1])
    scale = base.drop_duplicates("task").set_index("task")
    runs = runs[runs["task"].isin(scale.index)]
    moved = {column: runs["task"].map(scale[column]) for column in ("constant", "reference")}
    return replace(tables, runs=runs.assign(**moved))


def _held(fields: Mapping[int, Field]) -> Held:
    scores = DataFrame({number: _scores(field) for number, field in fields.items()}).dropna()
    runs = applicable(fields[0].tables.runs)
    without = [
        str(learner)
        for learner, mine in runs[runs["learner"].isin(scores.index)].groupby("learner")
        if class_of(str(learner), mine) in WITHOUT
    ]
    return Held(fields[0], scores, tuple(without))


def _scores(field: Field) -> Series[float]:
    """The score of each learner that has runs on all tasks."""
    finals = field.tables.finals
    tasks = finals.groupby("learner")["task"].nunique()
    scores = {
        str(name): float(pooled_interquartile_mean(each))
        for name, each in matrices(finals, "score").items()
        if tasks[name] == len(field.tasks)
    }
    return Series(scores, dtype=float)
