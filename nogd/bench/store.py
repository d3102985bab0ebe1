"""The store: one SQLite file a folder, one row a run, durable as soon as a run has finished.

The schema is documented in SCHEMA; `pandas.read_sql("select * from runs", sqlite3.connect("nogd-runs/runs.sqlite"))`
reads it. Nothing here runs a plugin's code or imports torch.
"""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import socket
import sqlite3
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from nogd.bench.migration import migrate
from nogd.bench.record import Arrays, Record
from nogd.bench.schema import OF_A_RUN, OF_A_TASK, RUN_COLUMNS, VERSION
from nogd.bench.wording import MOST, tidy
from nogd.errors import StoreError

FILE = "runs.sqlite"


class Store:
    """The results in a folder. Safe to use from several processes at once.

    create: to write into it, made if need be; else to read. What an older nogd wrote becomes today's schema when it is
    written to, and is left alone when it is read: then a copy is looked at, which takes nothing in. Raises StoreError,
    in one sentence, if the folder cannot be used, is full, or was written by a newer nogd.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder
        self.path = folder / FILE
        with self._explained():
            if create:
                folder.mkdir(parents=True, exist_ok=True)
            elif not self.path.is_file():
                raise StoreError(
                    f"there are no runs in {str(folder)!r}; 'nogd run --out {folder}' makes some."
                )
            self._connection = self._open(create)
            try:
                self._prepare(create)
            except BaseException:
                self.close()
                raise

    def _open(self, create: bool) -> sqlite3.Connection:
        if create or os.access(self.folder, os.W_OK):
            return sqlite3.connect(self.path, timeout=30, isolation_level=None)
        log = self.path.with_name(f"{FILE}-wal")
        if not log.is_file() or log.stat().st_size == 0:
            address = f"{self.path.absolute().as_uri()}?immutable=1"
            return sqlite3.connect(address, uri=True, isolation_level=None)
        # What was written last is still in the log, which SQLite reads only where it may write beside it.
        self._copy = tempfile.TemporaryDirectory()
        for file in (self.path, log):
            shutil.copy(file, self._copy.name)
        return _read_only(sqlite3.connect(Path(self._copy.name) / FILE, isolation_level=None))

    def _prepare(self, create: bool) -> None:
        version = self._connection.execute("pragma user_version").fetchone()[0]
        if version > VERSION:
            raise StoreError(
                f"{self.path} was written by a newer nogd (schema {version}, this one knows {VERSION}); upgrade nogd."
            )
        if version == 0 and self._connection.execute("select 1 from sqlite_master").fetchone():
            raise StoreError(f"{self.path} is not a store of nogd; move it away or give another --out.")
        if create:
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = full")
            with self._writing():
                self._migrate()
        elif 0 < version < VERSION:
            self._look_at_a_copy()

    def _migrate(self) -> None:
        migrate(self._connection, self._connection.execute("pragma user_version").fetchone()[0])

    def _look_at_a_copy(self) -> None:
        original, self._connection = self._connection, sqlite3.connect("", isolation_level=None)
        with closing(original):
            original.backup(self._connection)
        with self._writing():
            self._migrate()
        _read_only(self._connection)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    # -- sessions and plans

    def begin_session(self, started: str, environment: dict[str, Any], settings: dict[str, Any]) -> int:
        """Note a call of `nogd run`; returns its number."""
        with self._explained(), self._writing():
            cursor = self._connection.execute(
                "insert into sessions (started, environment, settings) values (?, ?, ?)",
                (started, json.dumps(environment), json.dumps(settings)),
            )
            return int(cursor.lastrowid or 0)

    def plan(self, cells: Iterable[tuple[str, str, str, int]], session: int) -> None:
        """Note that a session asked for cells (id, label, task, repetition); finished runs get their new labels."""
        rows = [(*cell, session) for cell in cells]
        with self._explained(), self._writing():
            self._connection.executemany(
                "insert into cells values (?, ?, ?, ?, ?) on conflict (id) do update"
                " set learner = excluded.learner, session = max(session, excluded.session)",
                rows,
            )
            self._connection.executemany(
                "update runs set learner = ? where id = ? and learner <> ?",
                [(label, id_, label) for id_, label, *_ in rows],
            )

    def freeze(self, entries: Iterable[tuple[str, int, dict[str, Any] | None, str | None]]) -> None:
        """Note what tasks (name, version) are measured by: the frozen entry, and the file that it came from."""
        rows = [
            (task, version, None if entry is None else json.dumps(entry), path)
            for task, version, entry, path in entries
        ]
        with self._explained(), self._writing():
            self._connection.executemany("insert or replace into frozen values (?, ?, ?, ?)", rows)

    def frozen(self) -> list[tuple[str, int, dict[str, Any] | None, str | None]]:
        """What was noted by `freeze`."""
        with self._explained():
            rows = self._connection.execute("select task, version, entry, path from frozen")
            return [
                (task, version, None if entry is None else json.loads(entry), path)
                for task, version, entry, path in rows
            ]

    # -- runs

    def endings(self) -> dict[str, tuple[str, str]]:
        """Status and time of the end of every run, by id."""
        with self._explained():
            rows = self._connection.execute("select id, status, finished from runs")
            return {id_: (status, finished) for id_, status, finished in rows}

    def ending(self, id_: str) -> tuple[str, str] | None:
        """Status and time of the end of one run, or None if there is none yet."""
        with self._explained():
            row: tuple[str, str] | None = self._connection.execute(
                "select status, finished from runs where id = ?", (id_,)
            ).fetchone()
        return row

    def add(self, record: Record) -> None:
        """Keep a run, in place of an earlier one of the same cell, and forget its checkpoint and claim."""
        values = [_sql(record.row.get(name)) for name in RUN_COLUMNS]
        blobs = [
            _packed(record.curve),
            _packed(record.trace),
            None if record.theta is None else _packed(record.theta),
        ]
        marks = ", ".join("?" * (len(RUN_COLUMNS) + 3))
        columns = ", ".join((*RUN_COLUMNS, "curve", "trace", "theta"))
        with self._explained(), self._writing():
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
        with self._explained(), self._writing():
            for table in ("runs", "cells", "checkpoints", "claims"):
                self._connection.executemany(f"delete from {table} where id = ?", [(id_,) for id_ in ids])
            self._forget_pictures(ids)

    def runs(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of all runs, without their curves, in a stable order; words of bounded length."""
        query = f"select {', '.join(RUN_COLUMNS)} from runs order by task, learner, repetition, id"
        with self._explained():
            rows = self._connection.execute(query).fetchall()
        return list(RUN_COLUMNS), [tuple(map(_readable, RUN_COLUMNS, row)) for row in rows]

    def curves(self) -> dict[str, np.ndarray[Any, Any]]:
        """The curve of every run, `[points, len(CURVE_COLUMNS)]`, by id."""
        return dict(self._tables("curve"))

    def traces(self) -> dict[str, np.ndarray[Any, Any]]:
        """Every improvement of every run, `[K, len(TRACE_COLUMNS)]`, by id."""
        return dict(self._tables("trace"))

    def theta(self, id_: str) -> np.ndarray[Any, Any] | None:
        """The solution of a run, `[D]`, or None where there is none."""
        with self._explained():
            row = self._connection.execute("select theta from runs where id = ?", (id_,)).fetchone()
        return None if row is None or row[0] is None else _unpacked(row[0])

    def pictures(self, kind: str) -> dict[str, Arrays]:
        """What is kept of one kind (see the schema) for pictures, by the run or the task that it belongs to."""
        with self._explained():
            rows = self._connection.execute(
                "select owner, arrays from pictures where kind = ? order by owner", (kind,)
            )
            return {owner: _loaded(blob) for owner, blob in rows}

    def owners(self, kind: str) -> list[str]:
        """What has something of one kind kept for pictures: ids of runs, or names of tasks."""
        with self._explained():
            rows = self._connection.execute(
                "select owner from pictures where kind = ? order by owner", (kind,)
            )
            return [owner for (owner,) in rows]

    def picture(self, kind: str, owner: str) -> Arrays | None:
        """What is kept of one kind for one run or task, or None."""
        with self._explained():
            query = "select arrays from pictures where kind = ? and owner = ?"
            row = self._connection.execute(query, (kind, owner)).fetchone()
        return None if row is None else _loaded(row[0])

    def add_picture(self, kind: str, owner: str, arrays: Arrays) -> None:
        """Keep what a picture of this run or task needs, in place of what was there."""
        with self._explained(), self._writing():
            self._add_pictures([(kind, owner, arrays)])

    def sessions(self) -> list[dict[str, Any]]:
        """All calls of `nogd run`, oldest first."""
        with self._explained():
            rows = self._connection.execute(
                "select id, started, environment, settings from sessions order by id"
            )
            return [
                {"id": id_, "started": started, **json.loads(environment), "settings": json.loads(settings)}
                for id_, started, environment, settings in rows
            ]

    def planned(self) -> list[tuple[str, str, str, int, int]]:
        """All cells that were ever asked for: id, label, task, repetition, and the session that did so last."""
        with self._explained():
            return self._connection.execute(
                "select id, learner, task, repetition, session from cells"
            ).fetchall()

    def _tables(self, column: str) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
        with self._explained():
            for id_, blob in self._connection.execute(
                f"select id, {column} from runs where {column} is not null"
            ):
                yield id_, _unpacked(blob)

    # -- work under way

    def claim(self, id_: str, seconds: float) -> bool:
        """Whether this process may run the cell: nobody finished it meanwhile, and nobody alive is at work on it.

        A claim from another machine, whose processes cannot be seen, holds for that many seconds.
        """
        with self._explained(), self._writing():
            row = self._connection.execute(
                "select host, pid, born, until from claims where id = ?", (id_,)
            ).fetchone()
            if row is not None and _is_alive(*row):
                return False
            mine = (id_, socket.gethostname(), os.getpid(), _born(os.getpid()), time.time() + seconds)
            self._connection.execute("insert or replace into claims values (?, ?, ?, ?, ?)", mine)
            return True

    def release(self, ids: Iterable[str]) -> None:
        """Give up claims of this process."""
        with self._explained(), self._writing():
            self._connection.executemany(
                "delete from claims where id = ? and pid = ? and host = ?",
                [(id_, os.getpid(), socket.gethostname()) for id_ in ids],
            )

    def save_checkpoint(self, id_: str, state: bytes) -> None:
        """Keep where a running cell stands."""
        with self._explained(), self._writing():
            self._connection.execute(
                "insert or replace into checkpoints values (?, ?, datetime('now'))", (id_, state)
            )

    def checkpoint(self, id_: str) -> bytes | None:
        """Where an interrupted run of the cell stood, or None."""
        with self._explained():
            row = self._connection.execute("select state from checkpoints where id = ?", (id_,)).fetchone()
        return bytes(row[0]) if row is not None and row[0] else None

    def ask_again(self, ids: Iterable[str]) -> None:
        """Note that cells are to be run again from the start, where they are done too; their runs stay until then."""
        with self._explained(), self._writing():
            self._connection.executemany(
                "insert or replace into checkpoints values (?, x'', datetime('now'))", [(id_,) for id_ in ids]
            )

    def begun(self) -> set[str]:
        """The ids of cells that have begun and are not over, and of those that are to be run again."""
        with self._explained():
            return {id_ for (id_,) in self._connection.execute("select id from checkpoints")}

    # -- inside

    def _add_pictures(self, pictures: Iterable[tuple[str, str, Arrays]]) -> None:
        self._connection.executemany(
            "insert or replace into pictures values (?, ?, ?)",
            [(kind, owner, _saved(arrays)) for kind, owner, arrays in pictures],
        )

    def _forget_pictures(self, ids: Iterable[str]) -> None:
        pairs = [(kind, id_) for id_ in ids for kind in OF_A_RUN]
        self._connection.executemany("delete from pictures where kind = ? and owner = ?", pairs)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        # IMMEDIATE: a read that turns into a write fails at once when another process writes, whatever the timeout.
        self._connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (FileExistsError, NotADirectoryError):
            raise StoreError(f"{str(self.folder)!r} is not a folder; give --out the name of one.") from None
        except OSError as error:
            raise StoreError(f"the folder {str(self.folder)!r} cannot be used: {error.strerror}.") from None
        except sqlite3.Error as error:
            raise StoreError(self._sentence(str(error))) from error

    def _sentence(self, message: str) -> str:
        if "full" in message or "disk I/O" in message:
            return (
                f"no space left for {self.path}: {message}. What was finished before is kept; make room and run the"
                " same command again."
            )
        if "not a database" in message or "no such" in message:
            return f"{self.path} is not a store of nogd ({message}); move it away or give another --out."
        return f"{self.path} cannot be used: {message}; check that its folder is writable."


def _read_only(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Of a copy, in which whatever was written would be lost."""
    connection.execute("pragma query_only = on")
    return connection


def _packed(table: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, table, allow_pickle=False)
    return zlib.compress(buffer.getvalue(), level=1)


def _unpacked(blob: bytes) -> np.ndarray[Any, Any]:
    table: np.ndarray[Any, Any] = np.load(io.BytesIO(zlib.decompress(blob)), allow_pickle=False)
    return table


def _saved(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    # mypy takes the names for np.savez's own arguments.
    np.savez_compressed(buffer, **{name: np.asarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
    return buffer.getvalue()


def _loaded(blob: bytes) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(io.BytesIO(blob), allow_pickle=False) as arrays:
        return dict(arrays)


def _sql(value: Any) -> Any:
    """A value that SQLite keeps as it is; what is not finite becomes NULL."""
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


def _readable(column: str, value: Any) -> Any:
    """What a record bounds is bounded here too: another program, or an older nogd, may have written it."""
    return tidy(value, MOST[column]) if column in MOST and isinstance(value, str) else value


def _born(pid: int) -> float:
    return float(psutil.Process(pid).create_time())


def _is_alive(host: str, pid: int, born: float, until: float) -> bool:
    """Whether the process that made a claim is still at work; a process number may have been given out again."""
    if host != socket.gethostname():
        return time.time() < until
    try:
        # One that has ended keeps its number until its parent asks how, which in many a container is never.
        at_work = pid != os.getpid() and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        return at_work and abs(_born(pid) - born) < 1
    except psutil.Error:
        return False
