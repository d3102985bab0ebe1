"""The frozen reference of a task: what a learner once scored, so that a new learner moves no old result."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nogd.errors import StoreError

FILE = "reference.json"


class FrozenReference:
    """A class attribute that reads a task's entry in `reference.json`, beside the file that defines the task.

    An entry looks like `"diabetes": {"version": 1, "learner": "adam", "test_metric": 0.45, "targets": [...]}`; `nogd
    targets freeze` makes it. None where there is no entry, or one of another version of the task: that was measured on
    another problem.
    """

    def __get__(self, task: object, owner: Any) -> dict[str, Any] | None:
        source = getattr(sys.modules.get(owner.__module__), "__file__", None)
        if source is None:  # a class of a notebook
            return None
        entry = _entries(Path(source).with_name(FILE)).get(owner.name)
        return entry if entry is not None and entry.get("version") == owner.version else None


def write_entries(path: Path, frozen: Mapping[str, Mapping[str, Any]]) -> None:
    """Put entries into a file of them, in place of those of the same tasks. Raises StoreError if that cannot be."""
    kept = dict(_entries(path))
    try:
        path.write_text(json.dumps(kept | dict(frozen), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}.") from None
    _entries.cache_clear()


@functools.cache
def _entries(path: Path) -> dict[str, dict[str, Any]]:
    """All entries of a file, by task name; none where there is no such file."""
    if not path.is_file():
        return {}
    found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found
