"""What was run, as tables: from the store alone, with no torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nogd.bench.columns import CURVE_COLUMNS, TRACE_COLUMNS, WHOLE_CURVE
from nogd.bench.current import (
    Frozen,
    asking_sessions,
    current_runs,
    frozen_now,
    missing_cells,
    planned_cells,
    stored_runs,
    with_references,
)
from nogd.bench.record import Arrays, Table
from nogd.bench.sampling import ends, sampled
from nogd.bench.schema import SHOWN
from nogd.bench.store import Store
from nogd.bench.targets import REACHED_COLUMNS, Reached


@dataclass(frozen=True, eq=False)
class RunTables:
    """Runs of a comparison, and what they left: the tables of `nogd.Results`, which says what is in each."""

    runs: pd.DataFrame
    curves: pd.DataFrame
    meta: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, Mapping[str, Arrays]] = field(default_factory=dict)
    reached: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(REACHED_COLUMNS)))


def load_tables(
    folder: str | Path,
    ids: Collection[str] | None = None,
    *,
    latest: bool = True,
    most_curves: int | None = None,
    tell: Callable[[float], None] | None = None,
) -> RunTables:
    """The runs stored in a folder.

    A run that cannot be read is left out, named in a warning and, with the reason, in `meta["damaged"]`.

    :param folder: where the store is, such as "nogd-runs".
    :param ids: only these runs; all by default.
    :param latest: only the runs that count now, those last asked for; see `nogd.bench.current`.
    :param most_curves: of more runs than this, only a sample of about so many has its whole curve, and of the others
        there are a few points that final values follow from; `meta["sampled"]` has the ids of the sample.
    :param tell: is told now and then which share of the runs has been read.
    :raises StoreError: if there is no store, or it cannot be read at all.
    """
    return _load(Path(folder), ids, latest=latest, most_curves=most_curves, tell=tell)


def load_with_traces(folder: str | Path, *, latest: bool = True) -> tuple[RunTables, pd.DataFrame]:
    """What `load_tables` reads, and every improvement of these runs: see `load_traces`."""
    traces: dict[str, Table] = {}
    tables = _load(Path(folder), None, latest=latest, traces=traces)
    frame = _traces(traces)
    return tables, frame[frame["id"].isin(tables.runs["id"])]


def _load(
    folder: Path,
    ids: Collection[str] | None,
    *,
    latest: bool,
    traces: dict[str, Table] | None = None,
    most_curves: int | None = None,
    tell: Callable[[float], None] | None = None,
) -> RunTables:
    """What `load_tables` says; all traces are put into `traces` where it is given, and else none is kept."""
    store = Store(folder)
    try:
        with store.one_moment():
            planned, frozen, sessions = planned_cells(store), frozen_now(store), store.sessions()
            if ids is not None:
                planned = planned[planned["id"].isin(set(ids))]
            reading = _Reading(store, frozen, traces, most_curves, tell)
            stored, runs, left = _read(reading, ids, planned if latest else None)
            pictures = {kind: store.pictures(kind) for kind in SHOWN}
        store.damage.tell(store.path)
    finally:
        store.close()
    meta = {
        "sessions": sessions,
        "settings": sessions[-1]["settings"] if sessions else {},
        "missing": len(missing_cells(stored, planned)),
        "damaged": dict(store.damage.runs),
        "asked_by": sorted(set(asking_sessions(runs, planned))),
    }
    if left.sampled is not None:
        meta["sampled"] = left.sampled
    return RunTables(runs, _curves(runs, left.curves), meta, pictures, left.reached.table())


@dataclass(frozen=True)
class _Left:
    """What runs left, as far as it is kept: their curves by id, and what they paid until they reached each target.

    sampled: the runs whose whole curves are there, None for all.
    """

    curves: dict[str, Table]
    reached: Reached
    sampled: frozenset[str] | None


@dataclass(frozen=True)
class _Reading:
    """From where, and what is to be kept: all traces are put into `traces`, where it is given, and else none is."""

    store: Store
    frozen: Frozen
    traces: dict[str, Table] | None
    most_curves: int | None
    tell: Callable[[float], None] | None


def _read(
    reading: _Reading, ids: Collection[str] | None, planned: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame, _Left]:
    """All runs, those that count, and what these left.

    planned: the cells that say which count, None for all. Which do is chosen before anything is known of what they
    left, so that one run is in memory at a time; where a run cannot be read after all, it is chosen anew without it.
    """
    store = reading.store
    while True:
        stored = stored_runs(store.unread_rows())
        damaged = len(store.damage.runs)
        if ids is not None:
            stored = stored[stored["id"].isin(set(ids))]
        counted = stored if planned is None else current_runs(stored, planned)
        runs = with_references(counted, reading.frozen)
        left = _left(reading, runs, len(stored))
        if len(store.damage.runs) == damaged:
            return stored, runs, left


@dataclass
class _Share:
    """Tells which share of so many runs has been read, once in a thousand runs."""

    tell: Callable[[float], None]
    total: int
    read: int = 0

    def one_more(self) -> None:
        if self.read % 1000 == 0:
            self.tell(min(self.read / max(self.total, 1), 1.0))
        self.read += 1


def _left(reading: _Reading, runs: pd.DataFrame, stored: int) -> _Left:
    """What the runs left; all runs of the store, so many, are looked through."""
    sample = None if reading.most_curves is None else sampled(runs, reading.most_curves)
    left, kept = _Left({}, Reached(runs, reading.frozen), sample), set(runs["id"])
    share = None if reading.tell is None else _Share(reading.tell, stored)
    for id_, curve, trace in reading.store.sound_tables():
        if share is not None:
            share.one_more()
        if reading.traces is not None and trace is not None:
            reading.traces[id_] = trace
        if id_ in kept:
            left.reached.add(id_, curve, trace)
            if curve is not None:
                left.curves[id_] = curve if sample is None or id_ in sample else ends(curve)
    return left


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


def _curves(runs: pd.DataFrame, tables: Mapping[str, Table]) -> pd.DataFrame:
    """All curves in one frame; joined column by column, as joining a thousand frames takes seconds."""
    nothing = np.empty((0, len(CURVE_COLUMNS)))
    kept = [tables.get(id_, nothing) for id_ in runs["id"]]
    lengths = np.array([len(table) for table in kept], dtype=int)
    columns = {name: runs[name].array.repeat(lengths) for name in ("id", "learner", "task", "repetition")}
    for place, name in enumerate(CURVE_COLUMNS):
        values = np.concatenate([*(table[:, place] for table in kept), nothing[:, place]])
        columns[name] = values.astype("int64") if name in WHOLE_CURVE else values
    return pd.DataFrame(columns, copy=False)
