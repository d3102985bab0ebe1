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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from nogd.bench.record import CURVE_COLUMNS, TRACE_COLUMNS, Record
from nogd.errors import StoreError

FILE = "runs.sqlite"
VERSION = 1

_TEXT = (
    "learner", "learner_name", "package", "version", "hyper", "task", "task_package", "status", "reason", "traceback",
    "metric_name", "device", "budget", "started", "finished",
)  # fmt: skip
_WHOLE = (
    "task_version", "repetition", "evaluations", "gradients", "examples", "metric_greater", "has_split", "threads",
    "session",
)  # fmt: skip
_REAL = (
    "loss", "best_loss", "metric", "validation_loss", "validation_metric", "test_loss", "test_metric", "constant",
    "reference", "forwards", "flops", "seconds", "cpu_seconds", "overhead_seconds", "measure_seconds", "memory_mb",
    "gradient_cost", "start_loss",
)  # fmt: skip
RUN_COLUMNS = ("id", *_TEXT, *_WHOLE, *_REAL)

_RUNS = ", ".join(
    [f"{name} text" for name in _TEXT]
    + [f"{name} integer" for name in _WHOLE]
    + [f"{name} real" for name in _REAL]
)
SCHEMA = f"""
-- One row a run; id is the hash of everything that decides the result. hyper, budget: JSON.
-- NULL: not known, or not finite.
-- curve, trace, theta: zlib-compressed .npy; curve has the columns {", ".join(CURVE_COLUMNS)};
-- trace, every improvement of the best training loss, has {", ".join(TRACE_COLUMNS)}.
create table runs (id text primary key, {_RUNS}, curve blob, trace blob, theta blob) without rowid;
-- Every cell that an experiment asked for: those without a run are missing.
-- asked: when last, in seconds since 1970; of several runs of one learner, task and repetition the one last asked for
-- counts.
create table cells (id text primary key, learner text, task text, repetition integer, asked real) without rowid;
-- Where an interrupted run goes on from; plain data, no pickled code.
create table checkpoints (id text primary key, state blob, saved text) without rowid;
-- Cells that a process is at work on.
create table claims (id text primary key, host text, pid integer, born real, until real) without rowid;
-- One row a call of nogd run. environment, settings: JSON.
create table sessions (id integer primary key, started text, environment text, settings text);
"""


class Store:
    """The results in a folder. Safe to use from several processes at once.

    Raises StoreError, in one sentence, if the folder cannot be used, is full, or was written by a newer nogd.
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
        return sqlite3.connect(Path(self._copy.name) / FILE, isolation_level=None)

    def _prepare(self, create: bool) -> None:
        version = self._connection.execute("pragma user_version").fetchone()[0]
        if version > VERSION:
            raise StoreError(
                f"{self.path} was written by a newer nogd (schema {version}, this one knows {VERSION}); upgrade nogd."
            )
        if version == 0 and self._connection.execute("select 1 from sqlite_master").fetchone():
            raise StoreError(f"{self.path} is not a store of nogd; move it away or give another --out.")
        if not create:
            return
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")
        with self._writing():
            if self._connection.execute("pragma user_version").fetchone()[0] == 0:
                for statement in SCHEMA.split(";\n"):
                    self._connection.execute(statement)
                self._connection.execute(f"pragma user_version = {VERSION}")

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

    def plan(self, cells: Iterable[tuple[str, str, str, int]]) -> None:
        """Note the cells (id, label, task, repetition) of an experiment, and call finished runs by their new labels."""
        now = time.time()
        rows = [(*cell, now) for cell in cells]
        with self._explained(), self._writing():
            self._connection.executemany("insert or replace into cells values (?, ?, ?, ?, ?)", rows)
            self._connection.executemany(
                "update runs set learner = ?2 where id = ?1 and learner <> ?2", [row[:2] for row in rows]
            )

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

    def delete(self, ids: Sequence[str]) -> None:
        """Forget runs, and that they were ever planned."""
        with self._explained(), self._writing():
            for table in ("runs", "cells", "checkpoints", "claims"):
                self._connection.executemany(f"delete from {table} where id = ?", [(id_,) for id_ in ids])

    def runs(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of all runs, without their curves, in a stable order."""
        query = f"select {', '.join(RUN_COLUMNS)} from runs order by task, learner, repetition, id"
        with self._explained():
            return list(RUN_COLUMNS), self._connection.execute(query).fetchall()

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

    def planned(self) -> list[tuple[str, str, str, int, float]]:
        """All cells that were ever asked for: id, label, task, repetition, and when last."""
        with self._explained():
            return self._connection.execute(
                "select id, learner, task, repetition, asked from cells"
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
        return None if row is None else bytes(row[0])

    # -- inside

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


def _packed(table: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, table, allow_pickle=False)
    return zlib.compress(buffer.getvalue(), level=1)


def _unpacked(blob: bytes) -> np.ndarray[Any, Any]:
    table: np.ndarray[Any, Any] = np.load(io.BytesIO(zlib.decompress(blob)), allow_pickle=False)
    return table


def _sql(value: Any) -> Any:
    """A value that SQLite keeps as it is; what is not finite becomes NULL."""
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


def _born(pid: int) -> float:
    return float(psutil.Process(pid).create_time())


def _is_alive(host: str, pid: int, born: float, until: float) -> bool:
    """Whether the process that made a claim is still at work; a process number may have been given out again."""
    if host != socket.gethostname():
        return time.time() < until
    try:
        return pid != os.getpid() and abs(_born(pid) - born) < 1
    except psutil.Error:
        return False
