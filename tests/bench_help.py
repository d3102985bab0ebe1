"""What the tests of the bench share: running experiments and commands, and looking at what they left."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from click.testing import CliRunner, Result

from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.events import Event
from nogd.bench.store import RUN_COLUMNS, Store
from nogd.cli import main

HERE = Path(__file__).parent
WICKED = HERE / "wicked.py"
# What two runs of one cell may differ in.
UNEQUAL = {
    "seconds", "cpu_seconds", "overhead_seconds", "measure_seconds", "memory_mb", "started", "finished", "session",
}  # fmt: skip
_SECONDS = CURVE_COLUMNS.index("seconds")
# The variable by which all processes of a command are found again.
MARK = "NOGD_TEST_MARK"
# For loaded machines: nothing here takes a fraction of it.
PATIENCE = 120


class Watcher:
    """A Progress that remembers every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.began: tuple[int, int] | None = None
        self.elsewhere = 0

    def begin(self, total: int, done: int) -> None:
        self.began = total, done

    def tell(self, event: Event) -> None:
        self.events.append(event)

    def waiting(self, cells: int) -> None:
        pass

    def done_elsewhere(self) -> None:
        self.elsewhere += 1

    def end(self) -> None:
        pass

    def of(self, kind: type) -> list[Any]:
        """The events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]


def command(*words: object) -> Result:
    """A `nogd` command in this process: quick, as everything is imported already."""
    return CliRunner().invoke(main, list(map(str, words)), prog_name="nogd")


def environment(**more: str) -> dict[str, str]:
    """This process's environment for another Python that imports what this one can import."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)} | more


def python(*words: object, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Another Python, to its end."""
    settings = {"env": environment(), "capture_output": True, "text": True, "timeout": PATIENCE} | settings
    return subprocess.run([sys.executable, *map(str, words)], check=False, **settings)


def rows(folder: Path) -> list[dict[str, Any]]:
    """All runs of a store, without their tables."""
    store = Store(folder)
    try:
        columns, found = store.runs()
    finally:
        store.close()
    return [dict(zip(columns, row, strict=True)) for row in found]


def statuses(folder: Path) -> dict[str, str]:
    """The status of each run by its learner's label, which only one run may have."""
    found = rows(folder)
    assert len({row["learner"] for row in found}) == len(found)
    return {row["learner"]: row["status"] for row in found}


def deeds(folder: Path) -> dict[str, tuple[Any, ...]]:
    """All that must be equal when cells are run again: rows, curves and solutions bit for bit, by id."""
    found = {}
    with contextlib.closing(sqlite3.connect(folder / "runs.sqlite")) as connection:
        ids = [id_ for (id_,) in connection.execute("select id from runs")]
    store = Store(folder)
    try:
        stored = store.load()  # at one moment: somebody may be at work
        for row in stored.rows:
            kept = tuple(row[name] for name in RUN_COLUMNS if name not in UNEQUAL)
            curve = np.delete(stored.curves[row["id"]], _SECONDS, axis=1)
            theta = store.theta(row["id"])
            found[row["id"]] = (*kept, curve.tobytes(), None if theta is None else theta.tobytes())
    finally:
        store.close()
    assert found.keys() >= set(ids), "runs were left out, as they cannot be read"
    return found


def marked(variable: str, value: str) -> list[psutil.Process]:
    """All living processes that inherited this variable."""
    return [process for process in psutil.process_iter() if _has(process, variable, value)]


def _has(process: psutil.Process, variable: str, value: str) -> bool:
    try:
        alive = process.status() != psutil.STATUS_ZOMBIE
        return alive and process.environ().get(variable) == value
    except psutil.Error:
        return False


@contextlib.contextmanager
def started(*words: object, **settings: Any) -> Iterator[subprocess.Popen[str]]:
    """Another Python at work, killed in the end if it still is."""
    settings = {
        "env": environment(),
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    } | settings
    with subprocess.Popen([sys.executable, *map(str, words)], **settings) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
