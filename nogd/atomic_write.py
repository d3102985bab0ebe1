"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from nogd.errors import StoreError

_PART = ".part"
_FORGOTTEN_SECONDS = 3600.0
"""No writing takes this long: what is left of one that is older was left by a process that was killed."""


def atomic_write(path: Path, content: str | bytes) -> Path:
    """Write beside the file first, then put it in place: a reader sees the old file or the new one. Returns the path.

    A file that is replaced keeps its permissions, a link its place. Raises StoreError if it cannot be written, and
    leaves an older file as it was.
    """
    data = content.encode("utf-8", errors="replace") if isinstance(content, str) else content
    try:
        _replace(path.resolve(), data)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


def _replace(path: Path, data: bytes) -> None:
    _sweep(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PART}")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave an empty file under the new name
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _sweep(path: Path) -> None:
    """Remove what a process that was killed while it wrote this file left beside it."""
    for left in path.parent.iterdir():
        if left.name.startswith(f".{path.name}.") and left.suffix == _PART:
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _FORGOTTEN_SECONDS:
                    left.unlink()
