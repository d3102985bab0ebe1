"""Ranks of learners within tasks, from the final values of runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pandas import DataFrame

from nogd.report.names import short_names
from nogd.report.numbers.groups import Group, compared_learners, groups, unequal_budgets
from nogd.report.numbers.statistics import mean_ranks
from nogd.report.numbers.tables import Tables


def complete_blocks(finals: DataFrame, learners: Sequence[str]) -> DataFrame:
    """Losses by (task, repetition) and learner, where every one of the learners has a run; infinite for a failure."""
    last = finals.drop_duplicates(["learner", "task", "repetition"], keep="last")
    known = last.assign(
        ranked=last["ranked"].fillna(np.inf)
    )  # so that what is missing below is a missing run
    losses = known.pivot(index=["task", "repetition"], columns="learner", values="ranked")
    return losses.reindex(columns=list(learners)).dropna()


def task_ranks(comparison: Tables) -> DataFrame:
    """Mean rank over repetitions within each task, among the learners that can do it: task, learner, rank, of.

    Empty where budgets differ: costs that are not equal give no ranks.
    """
    rows = []
    found = [] if unequal_budgets(comparison.runs, comparison.settings) else groups(comparison.runs)
    for group in found:
        for task, blocks in group_blocks(comparison, group).groupby("task"):
            means = zip(group.learners, mean_ranks(blocks.to_numpy(dtype=float)), strict=True)
            rows += [(str(task), learner, float(rank), len(group.learners)) for learner, rank in means]
    return DataFrame(rows, columns=["task", "learner", "rank", "of"])


def group_blocks(comparison: Tables, group: Group) -> DataFrame:
    """The complete blocks of a group of tasks."""
    finals = comparison.finals
    return complete_blocks(finals[finals["task"].isin(group.tasks)], group.learners)


def common_group(comparison: Tables) -> Group | None:
    """The tasks that all compared learners can do, or None where there are none."""
    found = groups(comparison.runs)
    return found[0] if found and found[0].learners == tuple(compared_learners(comparison.runs)) else None


def tasks_apart(comparison: Tables, group: Group) -> str:
    """The tasks of a group that not everybody can do, as a title; empty for the tasks that all can do."""
    return "" if group == common_group(comparison) else ", ".join(short_names(group.tasks, 30))
