"""Two comparisons side by side: what changed from the first to the second, and whether that is beyond chance."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pandas import DataFrame

from nogd.report.names import counted, short_name
from nogd.report.numbers.comparing import holm
from nogd.report.numbers.finals import applicable
from nogd.report.numbers.origins import makers
from nogd.report.numbers.paired import (
    LEVEL,
    block_differences,
    difference,
    exchange_p,
    improvement,
    improvement_interval,
    smallest_p,
)
from nogd.report.numbers.statistics import FloatArray, interquartile_mean, pooled_interquartile_mean
from nogd.report.numbers.tables import Tables

SAME, BETTER, WORSE, OPEN, APART = (
    "identical",
    "better",
    "worse",
    "no significant difference",
    "not comparable",
)
VERDICTS = (BETTER, WORSE, OPEN, APART, SAME)
"""In the order in which a reader wants to know."""
_CELLS = [
    *(
        "learner",
        "task",
        "metric",
        "first",
        "second",
        "runs",
        "wins",
        "p",
        "p_holm",
        "verdict",
        "why",
        "pairs",
    ),
]
_LEARNERS = [
    *("learner", "tasks", "wins", "low", "high", "p", "p_holm", "verdict"),
    *("score_change", "change_low", "change_high"),
]


@dataclass(frozen=True)
class Versus:
    """What `compare` found.

    cells: one row for each learner and task that both have. first, second: interquartile mean of the final metric;
    wins: how often a run of the second is better than one of the first; p: the exact test of
    `nogd.report.numbers.paired.exchange_p` over the repetitions that both have, p_holm: after Holm's correction for all
    cells. learners: the same over all comparable tasks of a learner, and the change of its score, with bootstrap
    intervals. differences: what else differs, a sentence each.
    """

    cells: DataFrame
    learners: DataFrame
    differences: tuple[str, ...]

    @property
    def remarks(self) -> list[str]:
        """What else a reader should know, a sentence each."""
        return [*filter(None, [self.hopeless]), *self.differences]

    @property
    def hopeless(self) -> str:
        """That no single pair of learner and task could show a difference, however large; empty where one could."""
        tested = self.cells[self.cells["p_holm"].notna()]
        if not len(tested) or len(tested) * smallest_p(int(tested["pairs"].max())) < LEVEL:
            return ""
        enough = next(count for count in range(1, 99) if len(tested) * smallest_p(count) < LEVEL)
        return (
            f"With {counted(int(tested['pairs'].max()), 'repetition')} no single pair of learner and task can show a "
            f"difference; {enough} would do. The rows of learners pool all their tasks."
        )

    @property
    def headline(self) -> str:
        """What changed, in a sentence."""
        if self.cells.empty:
            return "The two have no learner and task in common, so nothing can be compared."
        found = self.cells["verdict"].value_counts()
        told = [f"{found[verdict]} {verdict}" for verdict in VERDICTS if verdict in found]
        pairs = counted(len(self.cells), "pair")
        return f"{self._overall()}. Of {pairs} of learner and task: {', '.join(told)}."

    def _overall(self) -> str:
        """Which learners changed over all their tasks."""
        if self.learners.empty:
            return "Nothing here can be compared"
        by_verdict = self.learners.groupby("verdict", sort=False)["learner"].agg(list)
        changed = [
            f"{verdict} with {_named(by_verdict[verdict])}"
            for verdict in (BETTER, WORSE)
            if verdict in by_verdict
        ]
        if changed:
            return f"The second is {' and '.join(changed)}"
        same = set(by_verdict.index) == {SAME}
        return "The two are identical" if same else "No learner changed significantly over all its tasks"


def _named(learners: list[str]) -> str:
    more = f" and {len(learners) - 3} more" if len(learners) > 3 else ""
    return ", ".join(short_name(name, 40) for name in learners[:3]) + more


def compare(first: Tables, second: Tables) -> Versus:
    """The first against the second, for the learners (by label) and tasks (by name) that both have."""
    cells = DataFrame(list(_cells(first, second)), columns=_CELLS)
    tested = cells["verdict"].eq("")
    cells.loc[tested, "p_holm"] = holm(cells.loc[tested, "p"].to_numpy(dtype=float))
    cells.loc[tested, "verdict"] = [
        _verdict(wins, p)
        for wins, p in cells.loc[tested, ["wins", "p_holm"]].itertuples(index=False, name=None)
    ]
    return Versus(cells, _learners(first, second, cells), tuple(_differences(first, second)))


def _verdict(wins: float, p: float) -> str:
    if not p < LEVEL:
        return OPEN
    return BETTER if wins > 0.5 else WORSE


def _cells(first: Tables, second: Tables) -> Iterator[tuple[Any, ...]]:
    ours, theirs = _finals(first), _finals(second)
    facts = _facts(first), _facts(second)
    for key in sorted(set(ours) & set(theirs)):
        learner, task = key
        before, after = ours[key], theirs[key]
        why = _incomparable(facts[0][key], facts[1][key])
        middles = [float(interquartile_mean(part["value"].to_numpy(dtype=float))) for part in (before, after)]
        losses = [column[:, None] for column in _paired(before, after, "ranked")]
        p = float(exchange_p(block_differences(losses[1], losses[0]))[0])
        verdict = APART if why else SAME if _identical(before, after) else ""
        runs = f"{len(before)} / {len(after)}"
        yield (
            *(learner, task, facts[1][key]["metric_name"], *middles, runs, improvement(losses[1], losses[0])),
            *(p if verdict == "" else np.nan, np.nan, verdict, why, len(losses[0])),
        )


def _paired(before: DataFrame, after: DataFrame, column: str) -> tuple[FloatArray, FloatArray]:
    """A column of the repetitions that both have, in one order: they share their starts."""
    both = before.merge(after, on="repetition", suffixes=("_before", "_after")).sort_values("repetition")
    return both[f"{column}_before"].to_numpy(dtype=float), both[f"{column}_after"].to_numpy(dtype=float)


def _finals(comparison: Tables) -> dict[tuple[str, str], DataFrame]:
    groups = comparison.finals.groupby(["learner", "task"], sort=True)
    return {(str(key[0]), str(key[1])): rows.sort_values("repetition") for key, rows in groups}


def _facts(comparison: Tables) -> dict[tuple[str, str], Any]:
    rows = applicable(comparison.runs).drop_duplicates(["learner", "task"]).to_dict("records")
    return {(str(row["learner"]), str(row["task"])): row for row in rows}


def _incomparable(ours: Any, theirs: Any) -> str:
    """What keeps two cells from being compared, or nothing."""
    if ours["task_version"] != theirs["task_version"]:
        return f"task version {ours['task_version']} / {theirs['task_version']}"
    if ours["metric_name"] != theirs["metric_name"]:
        return f"metric {ours['metric_name']} / {theirs['metric_name']}"
    if _limits(ours["budget"]) != _limits(theirs["budget"]):
        return f"budget {_told(ours['budget'])} / {_told(theirs['budget'])}"
    return ""


def _limits(budget: object) -> Any:
    try:
        return json.loads(str(budget))
    except ValueError:
        return str(budget)


def _told(budget: object) -> str:
    limits = _limits(budget)
    if not isinstance(limits, dict):
        return str(budget)
    return ", ".join(f"{limit:,.15g} {name}" for name, limit in sorted(limits.items()))


def _identical(before: DataFrame, after: DataFrame) -> bool:
    columns = ["repetition", "value", "loss", "failed"]
    return bool(before[columns].reset_index(drop=True).equals(after[columns].reset_index(drop=True)))


def _learners(first: Tables, second: Tables, cells: DataFrame) -> DataFrame:
    ours, theirs = _finals(first), _finals(second)
    rows = []
    for learner, part in cells[cells["verdict"] != APART].groupby("learner", sort=True):
        keys = [(str(learner), str(task)) for task in part["task"]]
        same = bool(part["verdict"].eq(SAME).all())
        before, after = _matrices(ours, theirs, keys, "ranked")
        rng = np.random.default_rng(zlib.crc32(str(learner).encode()))
        low, high = (np.nan, np.nan) if same else improvement_interval(after, before, rng=rng)
        p = np.nan if same else float(exchange_p(block_differences(after, before).reshape(-1, 1))[0])
        scores = _matrices(ours, theirs, keys, "score")
        change = difference(scores[1], scores[0], pooled_interquartile_mean, rng=rng)
        wins = improvement(after, before)
        rows.append((learner, len(keys), wins, low, high, p, np.nan, SAME if same else "", *change))
    table = DataFrame(rows, columns=_LEARNERS)
    tested = table["verdict"].eq("")
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p"].to_numpy(dtype=float))
    table.loc[tested, "verdict"] = [
        _verdict(wins, p)
        for wins, p in table.loc[tested, ["wins", "p_holm"]].itertuples(index=False, name=None)
    ]
    return table


def _matrices(
    ours: Mapping[tuple[str, str], DataFrame],
    theirs: Mapping[tuple[str, str], DataFrame],
    keys: Sequence[tuple[str, str]],
    column: str,
) -> tuple[FloatArray, FloatArray]:
    """A column of some learner's tasks in both, shape (repetitions, tasks); NaN where a repetition lacks either."""
    pairs = [_paired(ours[key], theirs[key], column) for key in keys]
    before, after = (np.full((max(len(each[0]) for each in pairs), len(keys)), np.nan) for _ in range(2))
    for place, (mine, its) in enumerate(pairs):
        before[: len(mine), place], after[: len(its), place] = mine, its
    return before, after


def _differences(first: Tables, second: Tables) -> Iterator[str]:
    """What is in one alone, and what else is not the same in both."""
    for kind in ("learner", "task"):
        ours, theirs = (set(map(str, each.runs[kind])) for each in (first, second))
        for where, names in (("first", ours - theirs), ("second", theirs - ours)):
            if names:
                told = ", ".join(short_name(name, 40) for name in sorted(names))
                yield f"Only the {where} has the {kind}{'s' if len(names) > 1 else ''} {told}."
    yield from _unlike(first, second, ("task", "task_version"), "the version of task")
    yield from _unlike(first, second, ("learner", "hyper"), "hyper-parameters of")
    yield from _unlike(first, second, ("learner", "version"), "the version of the code of")
    yield from _unlike(first, second, ("task", "budget"), "the budget on")
    counts = [int(each.runs["repetition"].nunique()) for each in (first, second)]
    if counts[0] != counts[1]:
        yield f"The first has {counted(counts[0], 'repetition')}, the second {counts[1]:,}."
    machines = [_machine(each) for each in (first, second)]
    if machines[0] != machines[1]:
        told = " / ".join(machines)
        yield f"Made on different machines or versions, so seconds cannot be compared: {told}."


def _unlike(first: Tables, second: Tables, columns: tuple[str, str], what: str) -> Iterator[str]:
    """Names whose property differs, at most some of them with both values."""
    ours, theirs = (_properties(each.runs, *columns) for each in (first, second))
    names = [name for name in sorted(set(ours) & set(theirs)) if ours[name] != theirs[name]]
    if not names:
        return
    told = "; ".join(f"{short_name(name, 40)}: {_change(ours[name], theirs[name])}" for name in names[:4])
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    yield f"Differs: {what} {told}{more}."


def _properties(runs: DataFrame, key: str, column: str) -> dict[str, str]:
    values = (
        applicable(runs).groupby(key)[column].agg(lambda cells: " and ".join(sorted({str(c) for c in cells})))
    )
    return {str(name): str(value) for name, value in values.items()}


def _change(ours: str, theirs: str) -> str:
    """Two values; of two JSON objects only the keys that differ."""
    old, new = _limits(ours), _limits(theirs)
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
        return ", ".join(f"{key} {_value(old.get(key))} / {_value(new.get(key))}" for key in keys)
    return f"{short_name(ours, 60)} / {short_name(theirs, 60)}"


def _value(value: object) -> str:
    """A setting as people write it: 30 and not 30.0, a dash for what is not there."""
    return "-" if value is None else f"{value:,.15g}" if isinstance(value, float) else short_name(value, 60)


def _machine(comparison: Tables) -> str:
    last: Mapping[str, Any] = next(reversed(makers(comparison.meta, comparison.runs)), {})
    packages = last.get("packages") or {}
    return ", ".join(
        filter(
            None,
            [
                str(last.get("cpu", "")),
                f"Python {last.get('python', '?')}",
                f"torch {packages.get('torch', '?')}",
            ],
        )
    )
