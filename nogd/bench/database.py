"""The SQLite file under a store: opened, kept whole by transactions, and what is wrong with it told in one sentence."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from nogd.bench.file_system import network_drive
from nogd.bench.migration import migrate
from nogd.bench.schema import VERSION
from nogd.bench.sqlite_errors import sentence
from nogd.errors import NogdWarning, StoreError

FILE = "runs.sqlite"
_PATIENCE = 30.0
"""Seconds that a statement waits for other processes, which write for a fraction of one."""


class Database:
    """The file in a folder. create: to write into it, made if need be; else to read.

    What an older nogd wrote becomes today's schema when it is written to, and is left alone when it is read: then a
    copy is looked at, which takes nothing in. Raises StoreError, in one sentence, if the folder cannot be used, is
    full, was deleted meanwhile, or was written by a newer nogd.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder
        self.path = folder / FILE
        self._file: tuple[int, int] | None = None
        self._opened = ExitStack()  # the connection, and the copy that it may look at
        with self.reading():
            if create:
                folder.mkdir(parents=True, exist_ok=True)
            elif not self.path.is_file():
                raise StoreError(
                    f"there are no runs in {str(folder)!r}; 'nogd run --out {folder}' makes some."
                )
            try:
                self.connection = self._open(create)
                self._prepare(create)
                self._file = self._present()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Give the file back."""
        self._opened.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Errors within become a StoreError of one sentence."""
        try:
            yield
        except (FileExistsError, NotADirectoryError):
            raise StoreError(f"{str(self.folder)!r} is not a folder; give --out the name of one.") from None
        except OSError as error:
            raise StoreError(f"the folder {str(self.folder)!r} cannot be used: {error.strerror}.") from None
        except sqlite3.Error as error:
            self._refuse_if_gone()
            if (told := sentence(self.path, error)) is None:
                raise
            raise StoreError(told) from error

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """All that is read within is as it was when the first of it was read, whoever writes meanwhile."""
        with self.reading():
            self.connection.execute("begin")
            try:
                yield
            finally:
                self.connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All that is written within is kept, or nothing of it. Raises StoreError if the file is no longer there."""
        with self.reading():
            self._refuse_if_gone()
            with self._transaction():
                yield

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # IMMEDIATE: a read that turns into a write fails at once when another process writes, whatever the timeout.
        self.connection.execute("begin immediate")
        try:
            yield
            self.connection.commit()
        except BaseException:
            self.connection.rollback()
            raise

    def _refuse_if_gone(self) -> None:
        """The system lets a deleted file be written to, and drops it when it is closed."""
        if self._file is not None and self._file != self._present():
            raise StoreError(
                f"{self.path} was deleted, moved or replaced while it was in use, and what it held with it;"
                " leave the folder alone and run the same command again."
            )

    def _present(self) -> tuple[int, int] | None:
        """What tells the file that is there from any other."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    # -- opening

    def _open(self, create: bool) -> sqlite3.Connection:
        if create or os.access(self.folder, os.W_OK):
            return self._connected(self.path)
        log = self.path.with_name(f"{FILE}-wal")
        if not log.is_file() or log.stat().st_size == 0:
            return self._connected(f"{self.path.absolute().as_uri()}?immutable=1")
        # What was written last is still in the log, which SQLite reads only where it may write beside it.
        copy = self._opened.enter_context(tempfile.TemporaryDirectory())
        for file in (self.path, log):
            shutil.copy(file, copy)
        return _read_only(self._connected(Path(copy) / FILE))

    def _connected(self, address: str | Path) -> sqlite3.Connection:
        """A connection that is closed with this."""
        connection = sqlite3.connect(
            address, timeout=_PATIENCE, isolation_level=None, uri=str(address).startswith("file:")
        )
        self._opened.callback(connection.close)
        connection.text_factory = _text
        return connection

    def _prepare(self, create: bool) -> None:
        version = self.connection.execute("pragma user_version").fetchone()[0]
        if version > VERSION:
            raise StoreError(
                f"{self.path} was written by a newer nogd (schema {version}, this one knows {VERSION}); upgrade nogd."
            )
        if version == 0 and self.connection.execute("select 1 from sqlite_master").fetchone():
            raise StoreError(f"{self.path} is not a store of nogd; move it away or give another --out.")
        if version == 0 and not create:  # a file without tables: one that another process is just making
            raise StoreError(f"there are no runs in {str(self.folder)!r} yet; {self.path} is empty.")
        if create:
            _keep_journal(self.connection, self._journal())
            self.connection.execute("pragma synchronous = full")
            with self._transaction():
                self._migrate()
        elif 0 < version < VERSION:
            self._look_at_a_copy()

    def _journal(self) -> str:
        """A log ahead lets others read meanwhile, but is shared memory, which machines do not share."""
        if (drive := network_drive(self.folder)) is None:
            return "wal"
        warnings.warn(
            f"{self.folder} lies on a network drive ({drive}), where the store is slower, and safe only as far as the"
            " drive locks files between machines: let one machine at a time work on it.",
            NogdWarning,
            stacklevel=4,
        )
        return "delete"

    def _migrate(self) -> None:
        migrate(self.connection, self.connection.execute("pragma user_version").fetchone()[0])

    def _look_at_a_copy(self) -> None:
        with closing(self.connection) as original:
            self.connection = self._connected("")
            original.backup(self.connection)
        with self._transaction():
            self._migrate()
        _read_only(self.connection)


def _keep_journal(connection: sqlite3.Connection, kind: str) -> None:
    """Of several that make one store, SQLite lets but one change how it is kept, and has the others fail at once."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute(f"pragma journal_mode = {kind}")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _text(data: bytes) -> str:
    """Text of a strange file may be no UTF-8."""
    return data.decode(errors="replace")


def _read_only(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Of a copy, in which whatever was written would be lost."""
    connection.execute("pragma query_only = on")
    return connection
