"""What to use for a kind of problem: the best learner measured on tasks of that kind, and what to try next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from nogd.bench.tables import RunTables
from nogd.leaderboard.facts import Facts
from nogd.leaderboard.fields import Field, fields_of_suite, own_task, surrogates_of, together
from nogd.leaderboard.plan import Part, Plan, Problem
from nogd.leaderboard.standing import CLASSES, Standing, standing

NEAR = 0.25
"""The best of another class is tried next where its score is no further below the first's."""


@dataclass(frozen=True, eq=False)
class Decision:
    """What to use for a problem.

    parts: where its tasks come from, of the problem's own those that are complete. standing: of all learners on the
    tasks of its kind, None where nothing was measured.
    """

    problem: Problem
    parts: Sequence[Part]
    standing: Standing | None

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that may be used."""
        return self.problem.access or CLASSES

    @property
    def first(self) -> str | None:
        """The learner with the best score of those that have runs on all tasks; None without any."""
        return None if self.standing is None else self.standing.first_of(self.classes)

    @property
    def second(self) -> str | None:
        """What to try next: the best of another class where it comes near, else whoever is second."""
        if self.standing is None or self.first is None:
            return None
        first = self.standing.row(self.first)
        other = self.standing.first_of([each for each in self.classes if each != first["class"]])
        if other is not None and self.standing.row(other)["score"] >= first["score"] - NEAR:
            return other
        rows = self.standing.whole[self.standing.whole["class"].isin(self.classes)]
        return str(rows["learner"].iloc[1]) if len(rows) > 1 else None


def decisions(plan: Plan, parts: Mapping[str, RunTables], facts: Mapping[str, Facts]) -> list[Decision]:
    """What to use for each of the plan's problems.

    :param parts: the complete ones.
    :param facts: of their tasks.
    """
    return [_decision(problem, plan, parts, facts) for problem in plan.problems]


def _decision(
    problem: Problem, plan: Plan, parts: Mapping[str, RunTables], facts: Mapping[str, Facts]
) -> Decision:
    mine = [part for part in plan.parts if part.name in problem.parts and part.name in parts]
    field = _field(problem, mine, parts, facts) if mine else None
    if field is None:
        return Decision(problem, (), None)
    asked = [part for part in mine if parts[part.name].runs["task"].isin(field.tasks).any()]
    return Decision(problem, asked, standing(field, plan.ours))


def _field(
    problem: Problem, mine: Sequence[Part], parts: Mapping[str, RunTables], facts: Mapping[str, Facts]
) -> Field | None:
    """The tasks of the problem's kind, at the smallest budget of its parts."""
    tables, surrogates = together(mine, parts), surrogates_of(mine)
    names = tables.runs["task"].map(lambda task: own_task(str(task), surrogates))
    asked = names.map(lambda name: _is_of(problem, facts[name]))
    rows = replace(tables, runs=tables.runs[asked])
    return next(fields_of_suite(problem.name, rows, facts, surrogates), None)


def _is_of(problem: Problem, task: Facts) -> bool:
    known = any(fnmatchcase(task.task, pattern) for pattern in problem.tasks)
    return known and task.gradient == problem.gradient
