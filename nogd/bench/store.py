"""The store: one SQLite file per folder, one row per run, durable as soon as a run has finished.

The schema is documented in SCHEMA; `pandas.read_sql("select * from runs", sqlite3.connect("nogd-runs/runs.sqlite"))`
reads it. Nothing here runs a plugin's code or imports torch.
"""

from __future__ import annotations

import json
import math
import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nogd.bench import claims
from nogd.bench.columns import CURVE_COLUMNS, RUN_COLUMNS, TRACE_COLUMNS, WHOLE_CURVE
from nogd.bench.conditions import conditions
from nogd.bench.database import Database
from nogd.bench.packing import (
    MOST_OF_A_SOLUTION,
    Array,
    Damaged,
    loaded,
    packed,
    saved,
    sealed,
    unpacked,
    unsealed,
)
from nogd.bench.record import Arrays, Record
from nogd.bench.salvage import Damage, json_object, shown, sound_cell, sound_entry, sound_run, sound_table
from nogd.bench.schema import OF_A_RUN, OF_A_TASK
from nogd.errors import StoreError

_ANY: Mapping[str, Sequence[str]] = {}
_IN_ORDER = " order by task, learner, repetition, id"


@dataclass(frozen=True)
class Stored:
    """All runs that can be read. rows: in a stable order, by RUN_COLUMNS; curves, traces: by id."""

    rows: list[dict[str, Any]]
    curves: dict[str, Array]
    traces: dict[str, Array]


class Store:
    """The results in a folder. Safe to use from several processes at once.

    create: to write into it, made if need be; else to read. What cannot be read of it is left out, and noted in
    `damage`. Raises StoreError, in one sentence, for whatever is wrong with the folder or its file: see
    nogd.bench.database.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.damage = Damage()
        self._file = Database(folder, create=create)
        self._connection = self._file.connection

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._file.folder

    @property
    def path(self) -> Path:
        """Its file."""
        return self._file.path

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    # -- sessions and plans

    def begin_session(self, started: str, environment: dict[str, Any], settings: dict[str, Any]) -> int:
        """Note a call of `nogd run`; returns its number."""
        with self._file.writing():
            cursor = self._connection.execute(
                "insert into sessions (started, environment, settings) values (?, ?, ?)",
                (started, json.dumps(environment), json.dumps(settings)),
            )
            return int(cursor.lastrowid or 0)

    def plan(self, cells: Iterable[tuple[str, str, str, int]], session: int) -> None:
        """Note that a session asked for cells (id, label, task, repetition); finished runs get their new labels."""
        rows = [(*cell, session) for cell in cells]
        with self._file.writing():
            self._connection.executemany(
                "insert into cells values (?, ?, ?, ?, ?) on conflict (id) do update"
                " set learner = excluded.learner, session = max(session, excluded.session)",
                rows,
            )
            self._connection.execute(  # by the index, which has ids and learners: rows are large
                "update runs set learner = (select learner from cells where cells.id = runs.id) where id in"
                " (select runs.id from runs indexed by runs_by_learner cross join cells on runs.id = cells.id"
                " where cells.session = ? and cells.learner <> runs.learner)",
                (session,),
            )

    def freeze(self, entries: Iterable[tuple[str, int, dict[str, Any] | None, str | None]]) -> None:
        """Note what tasks (name, version) are measured by: the frozen entry, and the file that it came from."""
        rows = [
            (task, version, None if entry is None else json.dumps(entry), path)
            for task, version, entry, path in entries
        ]
        with self._file.writing():
            self._connection.executemany("insert or replace into frozen values (?, ?, ?, ?)", rows)

    def frozen(self) -> list[tuple[str, int, dict[str, Any] | None, str | None]]:
        """What was noted by `freeze`."""
        with self._file.reading():
            rows = self._connection.execute("select task, version, entry, path from frozen").fetchall()
        return [(task, version, self._entry(task, entry), path) for task, version, entry, path in rows]

    def _entry(self, task: str, entry: str | None) -> dict[str, Any] | None:
        try:
            return None if entry is None else sound_entry(entry)
        except Damaged as why:
            self.damage.others[f"what is frozen for {shown(str(task))!r}"] = str(why)
            return None

    # -- runs

    def endings(self) -> dict[str, tuple[str, str]]:
        """Status and time of the end of every run that can be read, by id."""
        found = self._sound_runs(order="")  # to sort them, SQLite would copy all curves
        return {row["id"]: (row["status"], row["finished"]) for row, *_ in found}

    def ending(self, id_: str) -> tuple[str, str] | None:
        """Status and time of the end of one run, or None if there is none yet."""
        rows = self.load(id_).rows
        return (rows[0]["status"], rows[0]["finished"]) if rows else None

    def add(self, record: Record) -> None:
        """Keep a run, in place of an earlier one of the same cell, and forget its checkpoint and claim."""
        values = [_sql(record.row.get(name)) for name in RUN_COLUMNS]
        blobs = [
            packed(record.curve),
            packed(record.trace),
            None if record.theta is None else packed(record.theta),
        ]
        marks = ", ".join("?" * (len(RUN_COLUMNS) + 3))
        columns = ", ".join((*RUN_COLUMNS, "curve", "trace", "theta"))
        with self._file.writing():
            self._connection.execute(
                f"insert or replace into runs ({columns}) values ({marks})", [*values, *blobs]
            )
            self._connection.execute("delete from checkpoints where id = ?", (record.id,))
            self._connection.execute("delete from claims where id = ?", (record.id,))
            self._forget_pictures([record.id])
            self._add_pictures(
                (kind, str(record.row["task"]) if kind in OF_A_TASK else record.id, arrays)
                for kind, arrays in record.pictures.items()
            )

    def delete(self, ids: Sequence[str]) -> None:
        """Forget runs, and that they were ever planned."""
        with self._file.writing():
            for table in ("runs", "cells", "checkpoints", "claims"):
                self._connection.executemany(f"delete from {table} where id = ?", [(id_,) for id_ in ids])
            self._forget_pictures(ids)

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """All that is read within is as it was at one moment, whoever writes meanwhile."""
        with self._file.one_moment():
            yield

    def load(self, id_: str | None = None) -> Stored:
        """All runs that can be read, or the one of that id if it can; the others are noted in `damage`."""
        found = Stored([], {}, {})
        for row, curve, trace in self._sound_runs(id_):
            found.rows.append(row)
            for all_, table in ((found.curves, curve), (found.traces, trace)):
                if table is not None:
                    all_[row["id"]] = table
        return found

    def rows(self) -> list[dict[str, Any]]:
        """The rows of all runs that can be read, in a stable order; what they left is looked through and not kept."""
        return [row for row, _, _ in self._sound_runs()]

    def unread_rows(
        self, having: Mapping[str, Sequence[str]] = _ANY, beginnings: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """The same, but nothing of what runs left is looked at: `sound_tables` finds what is wrong with that.

        having: columns, each with the values that it may have; none for any. beginnings: how ids may begin.
        """
        where, given = conditions(having, beginnings)
        with self._file.reading():
            query = f"select {', '.join(RUN_COLUMNS)} from runs{where}{_IN_ORDER}"
            rows = [self._row(values) for values in self._connection.execute(query, given)]
        return [row for row in rows if row is not None and row["id"] not in self.damage.runs]

    def sound_tables(self) -> Iterator[tuple[str, Array | None, Array | None]]:
        """Id, curve and trace of each run, one run in memory at a time; what cannot be read is noted in `damage`."""
        with self._file.reading():
            for id_, curve, trace in self._connection.execute("select id, curve, trace from runs"):
                tables = self._tables(id_, curve, trace)
                if tables is not None:
                    yield id_, *tables

    def _sound_runs(
        self, id_: str | None = None, order: str = _IN_ORDER
    ) -> Iterator[tuple[dict[str, Any], Array | None, Array | None]]:
        """Row, curve and trace of each run that can be read; the others are noted in `damage`."""
        where, given = ("", ()) if id_ is None else (" where id = ?", (id_,))
        columns = ", ".join((*RUN_COLUMNS, "curve", "trace"))
        with self._file.reading():
            found = self._connection.execute(f"select {columns} from runs{where}{order}", given)
            for *values, curve, trace in found:
                row = self._row(values)
                tables = None if row is None else self._tables(row["id"], curve, trace)
                if row is not None and tables is not None:
                    yield row, *tables

    def _row(self, values: Iterable[Any]) -> dict[str, Any] | None:
        row = dict(zip(RUN_COLUMNS, values, strict=True))
        try:
            return sound_run(row)
        except Damaged as why:
            self.damage.runs[str(row["id"])] = str(why)
            return None

    def _tables(self, id_: object, curve: object, trace: object) -> tuple[Array | None, Array | None] | None:
        try:
            return (
                sound_table("curve", curve, CURVE_COLUMNS, WHOLE_CURVE),
                sound_table("trace", trace, TRACE_COLUMNS),
            )
        except Damaged as why:
            self.damage.runs[str(id_)] = str(why)
            return None

    def values(self, column: str) -> list[str]:
        """All that runs have in a column of text."""
        with self._file.reading():
            found = self._connection.execute(f"select distinct {column} from runs").fetchall()
        return sorted(shown(value) for (value,) in found if isinstance(value, str))

    def rivals(self, having: Mapping[str, Sequence[str]]) -> list[tuple[Any, ...]]:
        """Of runs whose columns have these values what decides whether they count, in a stable order.

        That is id, learner, task, repetition, the session that made it, the time of its end, and the session that asked
        for it last.
        """
        where, given = conditions(having, ())
        with self._file.reading():
            rows = self._connection.execute(
                "select id, learner, task, repetition, session, cast(finished as text), (select session from cells"
                " where cells.id = runs.id and typeof(session) = 'integer') from runs"
                f"{where}{_IN_ORDER}",
                given,
            ).fetchall()
        return [row for row in rows if sound_cell((*row[:4], row[4] or 0))]

    def runs(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of all runs that can be read, without their curves, in a stable order."""
        return list(RUN_COLUMNS), [tuple(row.values()) for row in self.rows()]

    def curves(self) -> dict[str, Array]:
        """The curve of every run, `[points, len(CURVE_COLUMNS)]`, by id."""
        return self.load().curves

    def traces(self) -> dict[str, Array]:
        """Every improvement of every run, `[K, len(TRACE_COLUMNS)]`, by id."""
        return self.load().traces

    def theta(self, id_: str) -> Array | None:
        """The solution of a run, `[D]`, or None where there is none. Raises StoreError if it cannot be read."""
        with self._file.reading():
            row = self._connection.execute("select theta from runs where id = ?", (id_,)).fetchone()
        try:
            return None if row is None or row[0] is None else unpacked(row[0], MOST_OF_A_SOLUTION)
        except Damaged as why:
            raise StoreError(f"the solution of run {id_!r} in {self.path} {why}; run it again.") from None

    def pictures(self, kind: str) -> dict[str, Arrays]:
        """What is kept of one kind (see the schema) for pictures, by the run or the task that it belongs to."""
        found = {owner: self.picture(kind, owner) for owner in self.owners(kind)}
        return {owner: arrays for owner, arrays in found.items() if arrays is not None}

    def owners(self, kind: str) -> list[str]:
        """What has something of one kind kept for pictures: ids of runs, or names of tasks."""
        with self._file.reading():
            rows = self._connection.execute(
                "select owner from pictures where kind = ? order by owner", (kind,)
            )
            return [owner for (owner,) in rows if isinstance(owner, str)]

    def picture(self, kind: str, owner: str) -> Arrays | None:
        """What is kept of one kind for one run or task, or None."""
        with self._file.reading():
            query = "select arrays from pictures where kind = ? and owner = ?"
            row = self._connection.execute(query, (kind, owner)).fetchone()
        try:
            return None if row is None else loaded(row[0])
        except Damaged as why:
            self.damage.others[f"the {kind} of {shown(owner)!r}"] = str(why)
            return None

    def add_picture(self, kind: str, owner: str, arrays: Arrays) -> None:
        """Keep what a picture of this run or task needs, in place of what was there."""
        with self._file.writing():
            self._add_pictures([(kind, owner, arrays)])

    def sessions(self) -> list[dict[str, Any]]:
        """All calls of `nogd run`, oldest first; of one that cannot be read only number and time."""
        with self._file.reading():
            rows = self._connection.execute(
                "select id, started, environment, settings from sessions order by id"
            ).fetchall()
        return [self._session(*row) for row in rows]

    def _session(self, id_: int, started: object, environment: object, settings: object) -> dict[str, Any]:
        known = {"id": id_, "started": started if isinstance(started, str) else ""}
        try:
            told = json_object(environment, "environment")
            return told | known | {"settings": json_object(settings, "settings")}
        except Damaged as why:
            self.damage.others[f"session {id_}"] = str(why)
            return known | {"settings": {}}

    def planned(self) -> list[tuple[str, str, str, int, int]]:
        """All cells that were ever asked for: id, label, task, repetition, and the session that did so last."""
        with self._file.reading():
            rows = self._connection.execute(
                "select id, learner, task, repetition, session from cells"
            ).fetchall()
        sound = [row for row in rows if sound_cell(row)]
        if len(sound) < len(rows):
            self.damage.others["cells"] = f"{len(rows) - len(sound)} have no name or number"
        return [(id_, shown(learner), shown(task), *numbers) for id_, learner, task, *numbers in sound]

    # -- work under way

    def claim(self, id_: str, seconds: float) -> bool:
        """Whether this process may run the cell: nobody finished it meanwhile, and nobody alive is at work on it.

        A claim from another machine, whose processes cannot be seen, holds for that many seconds.
        """
        with self._file.writing():
            row = self._connection.execute(
                "select host, pid, born, until from claims where id = ?", (id_,)
            ).fetchone()
            if row is not None and claims.is_alive(*row):
                return False
            mine = (id_, *claims.mine(seconds))
            self._connection.execute("insert or replace into claims values (?, ?, ?, ?, ?)", mine)
            return True

    def release(self, ids: Iterable[str]) -> None:
        """Give up claims of this process."""
        with self._file.writing():
            self._connection.executemany(
                "delete from claims where id = ? and pid = ? and host = ?",
                [(id_, os.getpid(), socket.gethostname()) for id_ in ids],
            )

    def save_checkpoint(self, id_: str, state: bytes) -> None:
        """Keep where a running cell stands."""
        with self._file.writing():
            self._connection.execute(
                "insert or replace into checkpoints values (?, ?, datetime('now'))", (id_, sealed(state))
            )

    def checkpoint(self, id_: str) -> bytes | None:
        """Where an interrupted run of the cell stood; None where that is not known, or cannot be trusted."""
        with self._file.reading():
            row = self._connection.execute("select state from checkpoints where id = ?", (id_,)).fetchone()
        return None if row is None else unsealed(row[0])

    def ask_again(self, ids: Iterable[str]) -> None:
        """Note that cells are to be run again from the start, where they are done too; their runs stay until then."""
        with self._file.writing():
            self._connection.executemany(
                "insert or replace into checkpoints values (?, x'', datetime('now'))", [(id_,) for id_ in ids]
            )

    def begun(self) -> set[str]:
        """The ids of cells that have begun and are not over, and of those that are to be run again."""
        with self._file.reading():
            return {id_ for (id_,) in self._connection.execute("select id from checkpoints")}

    # -- inside

    def _add_pictures(self, pictures: Iterable[tuple[str, str, Arrays]]) -> None:
        self._connection.executemany(
            "insert or replace into pictures values (?, ?, ?)",
            [(kind, owner, saved(arrays)) for kind, owner, arrays in pictures],
        )

    def _forget_pictures(self, ids: Iterable[str]) -> None:
        pairs = [(kind, id_) for id_ in ids for kind in OF_A_RUN]
        self._connection.executemany("delete from pictures where kind = ? and owner = ?", pairs)


def _sql(value: Any) -> Any:
    """A value that SQLite keeps as it is; what is not finite becomes NULL."""
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
