"""Which runs count now, and what they are measured by: the one rule that every form of a comparison asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nogd.bench.columns import REAL, RUN_COLUMNS
from nogd.bench.store import Store
from nogd.problem.reference import frozen_entry

_MOST_NAMES = 900
"""Of more learners and tasks all runs are looked at: SQLite takes 32,766 values in a statement, older ones 999."""
_KEYS = ["learner", "task", "repetition"]

Frozen = Mapping[tuple[str, int], Mapping[str, Any] | None]
"""What is frozen for a task (name, version); None where nothing is any more."""


def stored_runs(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per run, also of those that no longer count; what should be numbers is, also where all are unknown."""
    return pd.DataFrame(rows, columns=list(RUN_COLUMNS)).astype(dict.fromkeys(REAL, "float64"))


def planned_cells(store: Store) -> pd.DataFrame:
    """One row per cell that was ever asked for; session: the one that last did so."""
    return pd.DataFrame(store.planned(), columns=["id", *_KEYS, "session"])


def current_runs(runs: pd.DataFrame, planned: pd.DataFrame) -> pd.DataFrame:
    """The runs that count: of each learner's label, task and repetition the one that the latest session asked for.

    Be it new or kept from before; the clock has no say. Several come from other budgets and other versions of the code,
    and a table must not mix them.
    """
    return (
        runs.assign(asked=asking_sessions(runs, planned))
        .sort_values(["asked", "finished"], kind="stable")
        .drop_duplicates(_KEYS, keep="last")
        .drop(columns="asked")
        .sort_values([*_KEYS, "id"])
        .reset_index(drop=True)
    )


def chosen_runs(store: Store, having: Mapping[str, Sequence[str]], beginnings: Sequence[str]) -> pd.DataFrame:
    """One row per run that fits, see `Store.unread_rows`, with today's references, and `counts`: whether it counts."""
    runs = stored_runs(store.unread_rows(having, beginnings))
    counting = _counting_ids(store, runs)
    return with_references(runs, frozen_now(store)).assign(counts=runs["id"].isin(counting))


def _counting_ids(store: Store, runs: pd.DataFrame) -> set[str]:
    """The ids of all that count among the runs of the same learners and tasks."""
    if runs.empty:
        return set()
    columns = ["id", *_KEYS, "session", "finished", "asked"]
    same = {name: sorted(set(runs[name])) for name in ("learner", "task")}
    few = sum(map(len, same.values())) <= _MOST_NAMES
    rivals = pd.DataFrame(store.rivals(same if few else {}), columns=columns)
    rivals = rivals[~rivals["id"].isin(store.damage.runs)]
    planned = rivals[["id", "asked"]].dropna().rename(columns={"asked": "session"})
    return set(current_runs(rivals.drop(columns="asked"), planned)["id"])


def asking_sessions(runs: pd.DataFrame, planned: pd.DataFrame) -> pd.Series[int]:
    """The session that last asked for each run; of a run that nobody planned, the one that made it, or 0."""
    asked = runs["id"].map(planned.set_index("id")["session"])
    return asked.fillna(runs["session"].astype("float64")).fillna(0).astype("int64")


def missing_cells(runs: pd.DataFrame, planned: pd.DataFrame) -> pd.DataFrame:
    """The cells, of each learner, task and repetition the one last asked for, that have no run yet."""
    asked = planned.sort_values("session", kind="stable").drop_duplicates(_KEYS, keep="last")
    return asked[~asked["id"].isin(set(runs["id"]))]


def frozen_now(store: Store) -> Frozen:
    """What is frozen at this moment: as the tasks' files have it, or as it was last seen where a file is gone."""
    return {
        (task, version): _entry_now(task, version, entry, path)
        for task, version, entry, path in store.frozen()
    }


def _entry_now(
    task: str, version: int, entry: Mapping[str, Any] | None, path: str | None
) -> Mapping[str, Any] | None:
    if path is None or not Path(path).is_file():
        return entry
    found = frozen_entry(Path(path), task)
    of_another_version = found is not None and found.get("version") != version
    return entry if of_another_version else found


def with_references(runs: pd.DataFrame, frozen: Frozen) -> pd.DataFrame:
    """The runs with today's references in place of those that were frozen when they were made."""
    scores = {key: (entry or {}).get("test_metric", np.nan) for key, entry in frozen.items()}
    keys = zip(runs["task"], runs["task_version"], runs["reference"], strict=True)
    return runs.assign(
        reference=np.array([scores.get((task, version), old) for task, version, old in keys], dtype=float)
    )
