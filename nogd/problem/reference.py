"""The frozen reference of a task: what a learner once scored, so that a new learner moves no old result."""

from __future__ import annotations

import functools
import json
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nogd.atomic_write import atomic_write
from nogd.errors import NogdWarning, StoreError

FILE = "reference.json"

Entries = dict[str, dict[str, Any]]


class FrozenReference:
    """A class attribute that reads a task's entry in `reference.json`, beside the file that defines the task.

    Of an object it is the entry of its settings, such as "parity,bits=10". An entry looks like `"diabetes": {"version":
    1, "learner": "adam", "test_metric": 0.45, "targets": [...]}`; `nogd targets freeze` makes it. None where there is
    no entry, or one of another version of the task: that was measured on another problem.
    """

    def __get__(self, task: object, owner: Any) -> dict[str, Any] | None:
        path = reference_file(owner)
        entry = None if path is None else frozen_entry(path, owner.name if task is None else str(task))
        return entry if entry is not None and entry.get("version") == owner.version else None


def reference_file(task: type) -> Path | None:
    """The file beside a task's own that holds its frozen entry, there or not; None for a class of a notebook."""
    source = getattr(sys.modules.get(task.__module__), "__file__", None)
    return None if source is None else Path(source).absolute().with_name(FILE)


def frozen_entry(path: Path, task: str) -> dict[str, Any] | None:
    """A task's entry in a file of them as it is now, of whatever version; None where there is none."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return None
    return _entries(path, changed).get(task)


def write_entries(path: Path, frozen: Mapping[str, Mapping[str, Any]]) -> None:
    """Put entries into a file of them, in place of those of the same tasks. Raises StoreError if that cannot be.

    A file that is damaged is kept beside the new one, with ".damaged" behind its name.
    """
    try:
        kept = _read(path)
    except _Damaged:
        path.replace(path.with_name(f"{FILE}.damaged"))
        kept = {}
    atomic_write(path, json.dumps(kept | dict(frozen), indent=2) + "\n")
    _entries.cache_clear()


class _Damaged(StoreError):
    """The file is there, and holds no entries."""


@functools.cache
def _entries(path: Path, changed: int) -> Entries:  # noqa: ARG001 - what the cache goes by
    """All entries of a file, by task name; none, with a warning, where it cannot be read."""
    try:
        return _read(path)
    except StoreError as error:
        warnings.warn(
            f"{error} Until then its tasks have no scores and no targets.", NogdWarning, stacklevel=2
        )
        return {}


def _read(path: Path) -> Entries:
    """All entries of a file, by task name; none where there is no such file. Raises StoreError if it cannot be read."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}; repair or delete it.") from None
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from None
    if not isinstance(found, dict) or not all(isinstance(entry, dict) for entry in found.values()):
        raise _damaged(path, "it must be an object of objects, one per task")
    return found


def _damaged(path: Path, how: str) -> _Damaged:
    return _Damaged(
        f"{path} is damaged ({how}): restore it, or run 'nogd targets freeze', which keeps it beside a new one."
    )
