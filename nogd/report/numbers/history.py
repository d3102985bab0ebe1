"""How one learner's score changed from store to store: over commits, versions or days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame

from nogd.errors import UnknownName, did_you_mean
from nogd.report.names import counted, short_name, short_names
from nogd.report.numbers.comparing import holm
from nogd.report.numbers.finals import matrices
from nogd.report.numbers.origins import makers
from nogd.report.numbers.paired import LEVEL
from nogd.report.numbers.statistics import pooled_score
from nogd.report.numbers.tables import Tables
from nogd.report.numbers.versus import BETTER, OPEN, SAME, WORSE, compare

FIRST, NOTHING = "first", "nothing to compare"
COLUMNS = (
    *("store", "made", "revision", "version", "score", "score_low", "score_high"),
    *("verdict", "wins", "p", "p_holm", "runs", "failed"),
)


@dataclass(frozen=True)
class History:
    """One learner in several stores, the oldest first.

    table: one row for each store, with COLUMNS. `made`, `revision`, `version`: when its runs were made, of which state
    of the code and by which version of the learner's package. score, score_low, score_high: over the tasks that all
    stores have, with a 95 % bootstrap interval. `verdict`: against the row above, by the exact test of runs with the
    same start over the tasks that can be compared, after Holm's correction for the rows; `wins`: how often a run is
    better than one of the row above.
    tasks: those of the score; left_out: those that some store lacks or has no score on.
    """

    learner: str
    table: DataFrame
    tasks: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def headline(self) -> str:
        """What changed, in a sentence."""
        changed = self.table[self.table["verdict"].isin([BETTER, WORSE])]
        name = short_name(self.learner, 40)
        if changed.empty:
            return f"{name}: no significant change over {counted(len(self.table), 'store')}."
        labels = dict(zip(self.table.index, short_names(self.table["store"], 24), strict=True))
        told = [f"{verdict} in {labels[place]}" for place, verdict in changed["verdict"].items()]
        return f"{name}: {', '.join(told)}."


def history(stores: Sequence[tuple[str, Tables]], learner: str) -> History:
    """The history of a learner over stores, given with their names; the oldest comes first.

    :raises UnknownName: where a store has no run that this learner could do.
    """
    for name, tables in stores:
        if learner not in set(tables.finals["learner"]):
            known = sorted(map(str, tables.finals["learner"].unique()))
            raise UnknownName(f"there are no runs of {learner!r} in {name!r}{did_you_mean(learner, known)}")
    ordered = sorted(stores, key=lambda each: _made(each[1], learner))
    tasks, left_out = _common([tables for _, tables in ordered], learner)
    rows = [_row(name, tables, learner, tasks) for name, tables in ordered]
    changes = [_change(before, after, learner) for (_, before), (_, after) in pairwise(ordered)]
    table = DataFrame(rows).join(DataFrame([_unchanged(FIRST), *changes]))
    return History(learner, _tested(table)[list(COLUMNS)], tasks, left_out)


def _made(tables: Tables, learner: str) -> str:
    """When the learner's latest run was made, as ISO text; "" where nobody knows."""
    runs = tables.runs[tables.runs["learner"] == learner]
    finished = runs["finished"].dropna() if "finished" in runs else pd.Series(dtype=object)
    started = [str(session.get("started", "")) for session in makers(tables.meta, runs)]
    return max([*map(str, finished), *started], default="")


def _common(stores: Sequence[Tables], learner: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tasks on which all stores have a score of the learner, by one version and scale, and the others."""
    scaled, every = [], set()
    for tables in stores:
        finals = tables.finals[tables.finals["learner"] == learner]
        every |= set(map(str, finals["task"]))
        known = finals[finals["score"].notna()]["task"].unique()
        runs = tables.runs[tables.runs["task"].isin(known)].drop_duplicates("task")
        scaled.append({(str(row["task"]), *_scale(row)) for row in runs.to_dict("records")})
    both = tuple(sorted(str(key[0]) for key in set.intersection(*scaled)))
    return both, tuple(sorted(every - set(both)))


def _scale(row: Mapping[Any, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in ("task_version", "metric_name", "constant", "reference"))


def _row(name: str, tables: Tables, learner: str, tasks: tuple[str, ...]) -> dict[str, Any]:
    runs = tables.runs[tables.runs["learner"] == learner]
    finals = tables.finals[(tables.finals["learner"] == learner) & tables.finals["task"].isin(tasks)]
    last: Mapping[str, Any] = next(reversed(makers(tables.meta, runs)), {})
    score, low, high = pooled_score(matrices(finals, "score").get(learner, np.full((0, 0), np.nan)), learner)
    return {
        "store": name,
        "made": _made(tables, learner)[:19],
        "revision": str(last.get("revision") or ""),
        "version": ", ".join(sorted(map(str, runs["version"].dropna().unique())))
        if "version" in runs
        else "",
        "score": score,
        "score_low": low,
        "score_high": high,
        "runs": len(finals),
        "failed": int(finals["failed"].sum()),
    }


def _change(before: Tables, after: Tables, learner: str) -> dict[str, Any]:
    """Of a learner from one store to the next."""
    found = compare(before, after).learners
    mine = found[found["learner"] == learner]
    if mine.empty:
        return _unchanged(NOTHING)
    row = mine.iloc[0]
    return {"verdict": SAME if row["verdict"] == SAME else "", "wins": row["wins"], "p": row["p"]}


def _unchanged(why: str) -> dict[str, Any]:
    return {"verdict": why, "wins": np.nan, "p": np.nan}


def _tested(table: DataFrame) -> DataFrame:
    """With p after Holm's correction for all rows, and the verdicts that follow."""
    open_ = table["verdict"].eq("")
    adjusted = np.full(len(table), np.nan)
    adjusted[open_] = holm(table.loc[open_, "p"].to_numpy(dtype=float))
    verdicts = [
        verdict or (OPEN if not p < LEVEL else BETTER if wins > 0.5 else WORSE)
        for verdict, p, wins in zip(table["verdict"], adjusted, table["wins"], strict=True)
    ]
    return table.assign(p_holm=adjusted, verdict=verdicts)
