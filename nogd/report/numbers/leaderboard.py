"""The leaderboard: one row per learner, best first, with how sure the order is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pandas import DataFrame

from nogd.plugins.access import strongest
from nogd.report.names import counted, short_names
from nogd.report.numbers.finals import FAILED, applicable, matrices, numbers
from nogd.report.numbers.groups import Group, compared_learners, groups, unequal_budgets
from nogd.report.numbers.hosts import on_one_clock
from nogd.report.numbers.pairs import pairs_of
from nogd.report.numbers.ranking import complete_blocks
from nogd.report.numbers.running_time import profile_score, ratios_to_best, relative_time, share_reached
from nogd.report.numbers.statistics import (
    ENOUGH_FOR_A_LOOK,
    ENOUGH_FOR_BOOTSTRAP,
    FloatArray,
    mean_ranks,
    pooled_interquartile_mean,
    pooled_score,
)
from nogd.report.numbers.tables import Tables

COLUMNS = [
    "learner",
    "score",
    "score_low",
    "score_high",
    "metric",
    "metric_low",
    "metric_high",
    "mean_rank",
    "targets_hit",
    "relative_time",
    "unsolved",
    "profile",
    "failures",
    "not_applicable",
    "forwards",
    "seconds",
    "overhead",
    "runs",
    "access",
    "gap",
    "best_score",
    "lost",
]


# Of a learner's seconds, the share outside of the objective from which on its score is worth a look.
NEARLY_ALL = 0.98
MOST_NAMED = 20


@dataclass(frozen=True)
class Board:
    """A leaderboard over tasks that its learners can all do (`common`), or over each learner's own tasks."""

    table: DataFrame
    tasks: tuple[str, ...]
    repetitions: int
    common: bool
    unequal: bool
    minimum_baseline: str | None
    below_minimum: tuple[str, ...]
    why: str = ""
    """Of a board that is not about all tasks: which tasks these are, and why some learners are not on it."""
    absent: tuple[str, ...] = ()
    """Who is not on it."""

    @property
    def top_outside(self) -> tuple[str, ...]:
        """Learners with a top score whose time went almost all past the objective, where cost is not counted."""
        outside = self.table["overhead"] >= NEARLY_ALL
        best = self.table.loc[~outside, "score"].max()
        top = self.table[outside & ~(self.table["score"] < best) & self.table["score"].notna()]
        return tuple(map(str, top["learner"]))

    @property
    def measures(self) -> bool:
        """Whether it has the metric in place of scores: one task, without a scale."""
        return bool(self.table["metric"].notna().any())

    @property
    def lost(self) -> dict[str, tuple[str, ...]]:
        """The learners all of whose runs on some task failed, with these tasks."""
        pairs = zip(self.table["learner"], self.table["lost"], strict=True)
        return {str(learner): tasks for learner, tasks in pairs if tasks}

    @property
    def interval(self) -> str:
        """What the interval of the score, or the range of the metric, is, as a sentence without its full stop."""
        if self.repetitions < 2:
            return "Uncertainty unknown: one run only"
        what = "Range" if self.measures else "Interval"
        if self.repetitions >= ENOUGH_FOR_BOOTSTRAP:
            return f"{what}: 95 % stratified bootstrap interval"
        how = "rough" if self.repetitions >= ENOUGH_FOR_A_LOOK else "too narrow"
        few = counted(self.repetitions, "repetition")
        return f"{what}: 95 % stratified bootstrap interval, {how} with {few}"

    @property
    def learners_told(self) -> str:
        """Its learners' names, for a heading; where they are many their number, and the others' names where those are
        fewer.
        """
        names = sorted(self.table["learner"])
        if len(names) <= MOST_NAMED:
            return ", ".join(short_names(names, 40))
        few = 0 < len(self.absent) <= MOST_NAMED
        but = f", all but {', '.join(short_names(self.absent, 40))}" if few else ""
        return f"{len(names)} learners{but}"

    @property
    def tasks_told(self) -> str:
        """Its tasks' names, for a heading."""
        return ", ".join(short_names(self.tasks, 40))


_COSTS_OF = ("learner", "status", "forwards", "seconds", "overhead_seconds", "access", "host")


def leaderboard(
    runs: DataFrame,
    curves: DataFrame | None = None,
    meta: Mapping[str, Any] | None = None,
    reached: DataFrame | None = None,
) -> DataFrame:
    """One row per learner, best first; see COLUMNS.

    `score` (interquartile mean of the normalised final metric, pooled over tasks and repetitions) and `mean_rank` are
    taken over the tasks that all compared learners can do; failures, costs and the number of runs over all tasks.
    `metric` is in place of the score on a single task that has no scale: the final metric itself, pooled alike.
    `targets_hit` (share of frozen targets that runs reached), `relative_time` (geometric mean of the expected running
    time to a target, 1 = the frozen reference, one that is never reached counting as 10 budgets), `unsolved` (how many
    (task, target) pairs no run reached) and `profile` (mean height of the performance profile up to 4 times the best)
    are over the same tasks, and unknown where budgets differ.
    `forwards` and `seconds` are means over runs, `overhead` is the share of `seconds` outside the objective. `access`
    is the strongest that a run really used, of `nogd.plugins.access.ACCESS`; "" where no run tells. `gap` is the
    optimality gap (Agarwal et al. 2021): the mean of 1 - score, scores kept within 0 and 1 and failed runs at 0; unlike
    the interquartile mean it leaves no run out. `best_score` is the score where each run's validation loss was lowest;
    `lost` has the tasks on which all of the learner's runs failed.
    """
    if curves is None:
        curves = DataFrame(columns=["id", "task", "repetition", "forwards", "loss", "metric", "test_metric"])
    return main_board(Tables(runs, curves, meta or {}, reached=reached)).table


def main_board(comparison: Tables) -> Board:
    """The leaderboard over the tasks that all compared learners can do, and every learner has its row.

    Where there is no such task, scores are over each learner's own tasks and there are no ranks.
    """
    everyone = tuple(compared_learners(comparison.runs))
    found = groups(comparison.runs)
    if found and found[0].learners == everyone:
        return _board(comparison, found[0], tuple(comparison.learners), common=True)
    every_task = Group(tuple(comparison.tasks), everyone)
    return _board(comparison, every_task, tuple(comparison.learners), common=False)


def other_boards(comparison: Tables) -> list[Board]:
    """Leaderboards over the tasks that only some learners can do, where at least two can."""
    everyone = tuple(compared_learners(comparison.runs))
    rest = [
        group for group in groups(comparison.runs) if group.learners != everyone and len(group.learners) > 1
    ]
    return [
        replace(
            _board(comparison, group, group.learners, common=True, runs=_runs_on(comparison, group.tasks)),
            why=_why_not_all(comparison.runs, group),
            absent=tuple(sorted(set(everyone) - set(group.learners))),
        )
        for group in rest
    ]


def task_board(comparison: Tables, task: str) -> Board:
    """The leaderboard on one task alone, of the learners that can do it."""
    runs = _runs_on(comparison, (task,))
    group = Group((task,), tuple(compared_learners(runs)))
    return _board(comparison, group, group.learners, common=True, runs=runs)


def _why_not_all(runs: DataFrame, group: Group) -> str:
    """Which tasks these are, and what keeps the other learners from them: they cannot, or have no run yet."""
    others = set(compared_learners(runs)) - set(group.learners)
    rows = runs[runs["task"].isin(group.tasks) & runs["learner"].isin(others)]
    asked = len(rows.drop_duplicates(["learner", "task"]))
    named = ", ".join(short_names(group.tasks, 40))
    if asked == len(others) * len(group.tasks):
        gradient = rows["reason"].astype(str).str.contains("needs a gradient").all()
        return (
            f"Tasks that only some learners can do: {named}{' (others need a gradient)' if gradient else ''}"
        )
    if asked == 0:
        return f"Tasks that only some learners have runs on yet: {named}"
    return f"Tasks that only some learners can do, or have runs on yet: {named}"


def _runs_on(comparison: Tables, tasks: Sequence[str]) -> DataFrame:
    """The runs on these tasks alone."""
    rows: DataFrame = comparison.runs[comparison.runs["task"].isin(tasks)]
    return rows


def _board(
    comparison: Tables,
    group: Group,
    learners: tuple[str, ...],
    *,
    common: bool,
    runs: DataFrame | None = None,
) -> Board:
    """The leaderboard over a group of tasks; runs: those that costs are counted of, all if not given."""
    runs = comparison.runs if runs is None else runs
    finals = comparison.finals[comparison.finals["task"].isin(group.tasks)]
    narrow = runs[
        [name for name in _COSTS_OF if name in runs]
    ]  # a run has fifty columns, and slices cost by each
    ends, costs = dict(iter(finals.groupby("learner"))), dict(iter(narrow.groupby("learner")))
    values = {column: matrices(finals, column) for column in ("score", "best_score", "value")}
    unequal = unequal_budgets(runs, comparison.settings)
    comparable = common and not unequal
    rank = _mean_ranks(finals, group.learners) if comparable else {}
    times = _times(comparison, group) if comparable else {}
    measured = values["value"] if len(group.tasks) == 1 and finals["score"].isna().all() else {}
    rows = [
        {
            "learner": learner,
            **_pooled(learner, values["score"].get(learner), "score"),
            **_pooled(learner, measured.get(learner), "metric"),
            **_beside_score(ends.get(learner, finals[:0]), values["best_score"].get(learner)),
            "mean_rank": rank.get(learner, np.nan),
            **times.get(learner, {}),
            **_costs(costs[learner], on_one_clock(comparison, costs[learner])),
        }
        for learner in learners
    ]
    table = _best_first(DataFrame(rows, columns=COLUMNS))
    minimum_baseline = _minimum_baseline(comparison.settings, learners)
    return Board(
        table=table,
        tasks=group.tasks,
        repetitions=int(finals["repetition"].nunique()),
        common=common,
        unequal=unequal,
        minimum_baseline=minimum_baseline,
        below_minimum=_not_better(table, minimum_baseline),
    )


def _pooled(learner: str, values: FloatArray | None, name: str) -> dict[str, float]:
    """One learner's pooled values and their interval; the random numbers depend on the learner's name alone."""
    keys = (name, f"{name}_low", f"{name}_high")
    found = (np.nan, np.nan, np.nan) if values is None else pooled_score(values, learner)
    return dict(zip(keys, found, strict=True))


def _beside_score(finals: DataFrame, best_scores: FloatArray | None) -> dict[str, Any]:
    """What stands beside one learner's score: its gap, the score at best validation points, tasks that all failed."""
    failed, scores = finals["failed"].to_numpy(dtype=bool), numbers(finals, "score")
    lost = tuple(sorted({*map(str, finals["task"])} - {*map(str, finals["task"][~failed])}))
    known = ~np.isnan(scores)
    if best_scores is None or not known.any():
        return {"gap": np.nan, "best_score": np.nan, "lost": lost}
    reached = np.where(failed, 0.0, np.clip(scores, 0.0, 1.0))[known]
    best = float(pooled_interquartile_mean(best_scores))
    return {"gap": float(np.mean(1.0 - reached)), "best_score": best, "lost": lost}


def score_matrix(finals: DataFrame) -> Any:
    """One learner's scores, shape (repetitions, tasks), NaN where a run is missing or a task has no scale."""
    return next(iter(matrices(finals, "score").values()), np.full((0, 0), np.nan))


def _mean_ranks(finals: DataFrame, learners: tuple[str, ...]) -> dict[str, float]:
    """Mean rank over all (task, repetition) in which every learner has a run; a failure shares the last place."""
    means = mean_ranks(complete_blocks(finals, learners).to_numpy(dtype=float))
    return dict(zip(learners, map(float, means), strict=True))


def _times(comparison: Tables, group: Group) -> dict[str, dict[str, float]]:
    """How soon each learner reached the frozen targets; nothing where none is frozen."""
    pairs = pairs_of(comparison, group.tasks, group.learners)
    if pairs is None:
        return {}
    times = pairs.times
    columns = {
        "targets_hit": share_reached(pairs.paid, pairs.spent),
        "relative_time": relative_time(times, pairs.reference, pairs.caps),
        "unsolved": np.isinf(times).sum(axis=0),
        "profile": profile_score(ratios_to_best(times)),
    }
    return {
        learner: {name: float(values[place]) for name, values in columns.items()}
        for place, learner in enumerate(group.learners)
    }


def _costs(runs: DataFrame, clocked: DataFrame) -> dict[str, float | str]:
    """Counts and mean costs of one learner over all its runs. clocked: those whose seconds may be taken together."""
    rows, clocked = applicable(runs), applicable(clocked)
    seconds = numbers(clocked, "seconds")
    overhead = numbers(clocked, "overhead_seconds")
    known = np.isfinite(seconds) & np.isfinite(overhead)
    total = float(seconds[known].sum())
    return {
        "failures": int(rows["status"].isin(FAILED).sum()),
        "not_applicable": len(runs) - len(rows),
        "forwards": _mean(numbers(rows, "forwards")),
        "seconds": _mean(seconds),
        "overhead": float(overhead[known].sum()) / total if total > 0 else np.nan,
        "runs": len(rows),
        "access": _access(rows),
    }


def _access(runs: DataFrame) -> str:
    """The strongest access that any of the runs used; "" where none is known."""
    known = [] if "access" not in runs else [each for each in runs["access"].dropna() if each]
    return strongest(known) if known else ""


def _mean(values: Any) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else np.nan


def _best_first(table: DataFrame) -> DataFrame:
    keys = table.assign(minus_score=-table["score"].astype(float))
    ordered = keys.sort_values(["minus_score", "mean_rank", "learner"], na_position="last", kind="stable")
    return ordered[COLUMNS].reset_index(drop=True)


def _minimum_baseline(settings: Mapping[str, Any], learners: tuple[str, ...]) -> str | None:
    """The baseline that everybody should beat, the first that the experiment names, where it took part."""
    named = settings.get("floor") or next(iter(settings.get("baselines") or ()), None)
    return str(named) if named in learners else None


def _not_better(table: DataFrame, minimum_baseline: str | None) -> tuple[str, ...]:
    """Learners whose score is not above the floor's."""
    if minimum_baseline is None:
        return ()
    level = float(table.loc[table["learner"] == minimum_baseline, "score"].iloc[0])
    low = table[(table["learner"] != minimum_baseline) & (table["score"] <= level)]
    return tuple(map(str, low["learner"]))
