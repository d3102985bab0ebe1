"""What was run, as tables: from the store alone, with no torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nogd.bench.columns import CURVE_COLUMNS, TRACE_COLUMNS, WHOLE_CURVE
from nogd.bench.current import (
    asking_sessions,
    current_runs,
    frozen_now,
    missing_cells,
    planned_cells,
    stored_runs,
    with_references,
)
from nogd.bench.record import Arrays, Table
from nogd.bench.schema import SHOWN
from nogd.bench.store import Store
from nogd.bench.targets import REACHED_COLUMNS, reached_table


@dataclass(frozen=True, eq=False)
class RunTables:
    """Runs of a comparison, and what they left: the tables of `nogd.Results`, which says what is in each."""

    runs: pd.DataFrame
    curves: pd.DataFrame
    meta: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, Mapping[str, Arrays]] = field(default_factory=dict)
    reached: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(REACHED_COLUMNS)))


def load_tables(folder: str | Path, ids: Collection[str] | None = None, *, latest: bool = True) -> RunTables:
    """The runs stored in a folder.

    A run that cannot be read is left out, named in a warning and, with the reason, in `meta["damaged"]`.

    :param folder: where the store is, such as "nogd-runs".
    :param ids: only these runs; all by default.
    :param latest: only the runs that count now, those last asked for; see `nogd.bench.current`.
    :raises StoreError: if there is no store, or it cannot be read at all.
    """
    return _load(Path(folder), ids, latest=latest)[0]


def load_with_traces(folder: str | Path, *, latest: bool = True) -> tuple[RunTables, pd.DataFrame]:
    """What `load_tables` reads, and every improvement of these runs: see `load_traces`."""
    tables, traces = _load(Path(folder), None, latest=latest)
    frame = _traces(traces)
    return tables, frame[frame["id"].isin(tables.runs["id"])]


def _load(
    folder: Path, ids: Collection[str] | None, *, latest: bool
) -> tuple[RunTables, Mapping[str, Table]]:
    store = Store(folder)
    try:
        stored = store.load()
        runs, planned, frozen = stored_runs(stored), planned_cells(store), frozen_now(store)
        if ids is not None:
            runs, planned = runs[runs["id"].isin(set(ids))], planned[planned["id"].isin(set(ids))]
        missing = len(missing_cells(runs, planned))
        runs = with_references(current_runs(runs, planned) if latest else runs, frozen)
        sessions = store.sessions()
        reached = reached_table(runs, stored.curves, stored.traces, frozen)
        pictures = {kind: store.pictures(kind) for kind in SHOWN}
        store.damage.tell(store.path)
    finally:
        store.close()
    meta = {
        "sessions": sessions,
        "settings": sessions[-1]["settings"] if sessions else {},
        "missing": missing,
        "damaged": dict(store.damage.runs),
        "asked_by": sorted(set(asking_sessions(runs, planned))),
    }
    return RunTables(runs, _curves(runs, stored.curves), meta, pictures, reached), stored.traces


def load_traces(folder: str | Path) -> pd.DataFrame:
    """Every improvement of the best training loss of every run: id, then TRACE_COLUMNS."""
    store = Store(Path(folder))
    try:
        tables = store.traces()
        store.damage.tell(store.path)
    finally:
        store.close()
    return _traces(tables)


def _traces(tables: Mapping[str, Table]) -> pd.DataFrame:
    frame = pd.DataFrame(
        np.concatenate([*tables.values(), np.empty((0, len(TRACE_COLUMNS)))]), columns=TRACE_COLUMNS
    )
    frame.insert(0, "id", np.repeat(list(tables), [len(table) for table in tables.values()]).astype(object))
    return frame


def _curves(runs: pd.DataFrame, tables: Mapping[str, np.ndarray[Any, Any]]) -> pd.DataFrame:
    """All curves in one frame; joined column by column, as joining a thousand frames takes seconds."""
    kept = [tables[id_] for id_ in runs["id"] if id_ in tables]
    lengths = [len(tables[id_]) if id_ in tables else 0 for id_ in runs["id"]]
    frame = pd.DataFrame(np.concatenate([*kept, np.empty((0, len(CURVE_COLUMNS)))]), columns=CURVE_COLUMNS)
    frame = frame.astype(dict.fromkeys(WHOLE_CURVE, "int64"))
    for place, name in enumerate(("id", "learner", "task", "repetition")):
        frame.insert(place, name, np.repeat(runs[name].to_numpy(), lengths))
    return frame
