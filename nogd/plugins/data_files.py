"""Data files that code names: which they are, and checksums of them that cost little for large ones."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

# Files that together have more bytes are read again only where size or time of change is another than last time.
LARGE = 4 << 20
# A file that was changed so shortly before may change again without its time showing it.
_SETTLED_SECONDS = 2.0
_SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,8}){1,2}")
# What code writes rather than reads; frozen references are read when the report is made.
_NO_DATA_SUFFIXES = {".py", ".pyc", ".log", ".html"}
_NO_DATA = {"reference.json"}
_STORE = "runs.sqlite"

Known = Mapping[str, tuple[int, int, str]]  # path -> size, time of change in ns, digest


def named_files(texts: Iterable[str], folders: Sequence[Path]) -> Iterator[Path]:
    """The data files that texts of a source may mean.

    A text is a path from one of the folders (the source's own first) or from the working directory, a folder (all in
    it counts), a pattern such as "*.csv", or a suffix such as ".npz" (all such files in the source's folder).
    """
    for text in texts:
        for folder in folders:
            yield from filter(_is_data, _meant(text, folder))
        yield from filter(_is_data, _here(text))
        if folders and _SUFFIX.fullmatch(text):
            yield from filter(_is_data, folders[0].glob(f"*{text}"))


def _here(text: str) -> Iterator[Path]:
    with suppress(OSError, ValueError):
        if "." in text and Path(text).is_file():
            yield Path(text).absolute()


def _meant(text: str, folder: Path) -> Iterator[Path]:
    with suppress(
        OSError, ValueError, NotImplementedError
    ):  # a name too long; a pattern that begins with "/"
        if "*" in text:
            yield from folder.glob(text) if text.strip("*/.") else ()
            return
        path = folder / text
        if path.is_file():
            yield path.resolve()
        elif path.is_dir() and folder.resolve() in path.resolve().parents:
            yield from _all_in(path.resolve())


def _all_in(folder: Path) -> Iterator[Path]:
    if is_pruned(folder):
        return
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_pruned(Path(root, name)))
        yield from (Path(root, name) for name in files)


def is_pruned(folder: Path) -> bool:
    """Whether a folder holds nothing that belongs to a plugin: hidden, a cache, an environment, a store of runs."""
    hidden = folder.name.startswith(".") or folder.name in {"__pycache__", "node_modules"}
    return hidden or (folder / "pyvenv.cfg").exists() or (folder / _STORE).exists()


def _is_data(path: Path) -> bool:
    return path.is_file() and path.suffix not in _NO_DATA_SUFFIXES and path.name not in _NO_DATA


def digests(files: Sequence[Path]) -> list[str]:
    """A checksum of each file's contents."""
    if sum(file.stat().st_size for file in files) <= LARGE:
        return [_digest(file) for file in files]
    kept = _cache_folder() / f"{hashlib.sha256(repr(files).encode()).hexdigest()[:16]}.json"
    known = _known(kept)
    found = {str(file): _again(file, known) for file in files}
    if found != known:
        _keep(kept, found)
    return [digest for _, _, digest in found.values()]


def _again(file: Path, known: Known) -> tuple[int, int, str]:
    facts = file.stat()
    size, changed, digest = known.get(str(file), (-1, -1, ""))
    if (size, changed) == (facts.st_size, facts.st_mtime_ns):
        return size, changed, digest
    return facts.st_size, facts.st_mtime_ns, _digest(file)


def _digest(file: Path) -> str:
    with file.open("rb") as contents:
        return hashlib.file_digest(contents, "sha256").hexdigest()


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "nogd" / "digests"


def _known(path: Path) -> Known:
    """What was kept; nothing where that cannot be read, or is not what was written."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: (int(size), int(changed), str(digest)) for name, (size, changed, digest) in kept.items()
        }
    return {}


def _keep(path: Path, found: Known) -> None:
    settled = time.time_ns() - int(_SETTLED_SECONDS * 1e9)
    old = {name: facts for name, facts in found.items() if facts[1] < settled}
    with suppress(OSError):  # no home, no room, no right to write: the files are read again next time
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(old), encoding="utf-8")
        beside.replace(path)
