"""Compiled code on disk, as numba keeps it, but such that a disk that fails, or a file that was cut short, costs only
the time to compile again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numba
from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.sigutils import normalize_signature


class _Cache(FunctionCache):
    """By itself numba raises whatever the disk does, in the midst of a call, and looks only at the function's file."""

    def __init__(self, function: Callable[..., Any], sources: Iterable[Path]) -> None:
        super().__init__(function)
        self._sources = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
        if numba.config.CACHE_DIR:
            self._share(Path(numba.config.CACHE_DIR))

    def _share(self, folder: Path) -> None:
        """In a folder that the user named, what decides the code tells it apart, not where nogd is installed."""
        self._cache_path = str(folder / f"nogd-{self._sources[:16]}-numba-{numba.__version__}")
        self._cache_file = IndexDataCacheFile(self._cache_path, self._impl.filename_base, self._sources)

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*super()._index_key(sig, codegen), self._sources)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            found = super().load_overload(sig, target_context)
            # Of two processes that save at the same time, where nothing locks, one may name the file of the other.
            if found is None or found.signature.args == normalize_signature(sig)[0]:
                return found
        except Exception:  # whatever unpickling half a file raises
            pass
        with suppress(OSError):
            self.flush()
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with (
            suppress(OSError),
            _alone_in(self.cache_path),
        ):  # no room, no right to write, or the folder is gone
            super().save_overload(sig, data)

    def holds(self, sig: Any, target_context: Any) -> bool:
        """Whether the code for these types was kept, as far as the list of it tells."""
        try:
            return self._index_key(sig, target_context.codegen()) in self._cache_file._load_index()
        except Exception:  # whatever unpickling half a file raises
            return False


@contextmanager
def _alone_in(folder: str) -> Iterator[None]:
    """One process at a time: of two that save at once, one would take its list for the whole one."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    place = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def kept(function: Callable[..., Any], sources: Iterable[Path], **options: Any) -> Any:
    """The function compiled by numba.njit with these options, its code kept on disk if there is a place for it.

    sources: the files that its code is made of.
    """
    compiled = njit(**options)(function)
    with suppress(RuntimeError, OSError):  # no folder may be written to, or there are no sources
        compiled._cache = _Cache(function, sources)
    return compiled


def has_place(compiled: Any) -> bool:
    """Whether the code of a function that `kept` made can be kept on disk."""
    return isinstance(compiled._cache, _Cache)


def is_kept(compiled: Any, signature: Any) -> bool:
    """Whether it is on disk for these types."""
    return has_place(compiled) and compiled._cache.holds(signature, compiled.targetctx)
