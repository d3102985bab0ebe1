"""The frozen reference of a task: what a learner once scored, so that a new learner moves no old result."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import Any


class FrozenReference:
    """A class attribute that reads a task's entry in `reference.json`, beside the file that defines the task.

    An entry looks like `"diabetes": {"version": 1, "learner": "adam", "test_metric": 0.45}`. None where there
    is no entry, or one of another version of the task: that was measured on another problem.
    """

    def __get__(self, task: object, owner: Any) -> dict[str, Any] | None:
        module = sys.modules.get(owner.__module__)
        entry = _entries(getattr(module, "__file__", None)).get(owner.name)
        return entry if entry is not None and entry.get("version") == owner.version else None


@functools.cache
def _entries(source: str | None) -> dict[str, dict[str, Any]]:
    """All entries beside the file `source`, by task name."""
    if source is None:  # a class of a notebook
        return {}
    path = Path(source).with_name("reference.json")
    if not path.is_file():
        return {}
    entries: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return entries
