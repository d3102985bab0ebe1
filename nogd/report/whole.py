"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from nogd.errors import StoreError


def write_whole(path: Path, text: str | bytes) -> Path:
    """Write beside the file first, then put it in place: a reader sees the old file or the new one. Returns the path.

    Raises StoreError if it cannot be written, and leaves an older file as it was.
    """
    data = text.encode("utf-8", errors="replace") if isinstance(text, str) else text
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"The report {path} cannot be written: {error.strerror or error}.") from error
    return path
