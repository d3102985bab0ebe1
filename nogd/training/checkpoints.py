"""Where an interrupted run goes on from: when a checkpoint is due, and the file of one that a user asks for."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nogd.atomic_write import atomic_write
from nogd.engine.state import State, from_bytes, to_bytes
from nogd.errors import InvalidSetting, NogdWarning, StoreError, UserError, in_one_line
from nogd.training.call_identity import Call, differences

SECONDS = 5.0
"""How long a run goes on before it is saved, again and again."""


def saving(save: Callable[[State], None], seconds: float) -> Callable[[State], None]:
    """What to call between steps: it saves the run whenever so many seconds have gone by since it was last saved.

    A run that cannot be saved goes on without, after a warning: only one that takes long gets here, and how it ends
    must not depend on that.
    """
    due = time.monotonic() + seconds

    def between_steps(state: State) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + seconds if tried(lambda: save(state)) else math.inf

    return between_steps


def tried(save: Callable[[], None]) -> bool:
    """Whether the run could be saved; a warning if not."""
    try:
        save()
    except (InvalidSetting, StoreError) as error:
        warnings.warn(f"no checkpoint of this run: {error}", NogdWarning, stacklevel=2)
        return False
    return True


class Checkpoint:
    """The file of one call: what `save` wrote is what `content` holds for an equal call in another process.

    content: what was read, empty where there is no file yet. Raises InvalidSetting for the file of another call and for
    a path that cannot be one, StoreError for a file that is no checkpoint.
    """

    def __init__(self, path: str | os.PathLike[str], call: Call) -> None:
        self.path, self.content = _checked(path), dict[str, Any]()
        self._call = dict(call)
        if self.path.exists():
            self.content = self._read()

    def save(self, content: dict[str, Any]) -> None:
        """Write all that the run needs to go on, or that is left of it. Raises StoreError if it cannot be written."""
        self._write(content, left="")

    def left_in_module(self, start: str) -> None:
        """The module of this call now holds what was found, by the checksum of its parameters.

        So who calls again with the same module, in a notebook say, goes on or gets what there is.
        """
        if self.path.exists():
            self._write(from_bytes(self.path.read_bytes())["content"], start)

    def _write(self, content: dict[str, Any], left: str) -> None:
        saved = {"nogd checkpoint": 1, "call": self._call, "left": left, "content": content}
        atomic_write(self.path, to_bytes(saved))

    def _read(self) -> dict[str, Any]:
        try:
            saved = from_bytes(self.path.read_bytes())
            call, left, content = saved["call"], saved["left"], dict(saved["content"])
        except UserError:  # such as a state of a plugin that is not loaded
            raise
        except Exception as error:  # a file of any other kind
            raise StoreError(
                f"{self.path} cannot be read as a checkpoint ({in_one_line(error)}); give another path, or delete it."
            ) from error
        if self._call["start"] == left:
            self._call["start"] = call["start"]
        if found := differences(self._call, call):
            raise InvalidSetting(
                f"{self.path} is the checkpoint of another call: {'; '.join(found)}; give another path, or delete it to"
                " start again."
            )
        return content


def _checked(path: str | os.PathLike[str]) -> Path:
    """The path, if a file can be there: known now, not after minutes."""
    try:
        found = Path(path).expanduser().absolute()
    except TypeError:
        raise InvalidSetting(f"checkpoint is the path of a file, not {path!r:.60}.") from None
    if found.is_dir():
        raise InvalidSetting(f"checkpoint is the path of a file, but {path} is a folder.")
    if not found.parent.is_dir():
        raise InvalidSetting(f"checkpoint={str(path)!r}: there is no folder {found.parent}; make it first.")
    return found
