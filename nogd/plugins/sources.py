"""The version of a plugin as it decides results: with a checksum where its files may change under it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from nogd.plugins.data_files import digests, is_pruned, named_files
from nogd.plugins.parsing import parsed
from nogd.plugins.registry import Source

RESULTS_VERSION = 7
"""Stands for nogd's own code in the identity of a run. Raise it with every change that moves results, and only then."""

_NOT_SOURCES = {"build", "dist", "tests"}


def source_version(source: Source) -> str:
    """A version that changes when the code may have: "1.2.0", or "1.2.0+src.1a2b3c4d".

    The second form is for files and folders given by path and for editable installs, where the version number alone
    says nothing: the eight digits are a checksum of the Python files, and of the data files that these name.
    """
    version = source.version or "0"
    files, root = all_files(source)
    if not files:
        return version
    joint = "." if "+" in version else "+"
    return f"{version}{joint}src.{checksum(files, root)}"


def all_files(source: Source) -> tuple[list[Path], Path]:
    """The files of a plugin that its version is a checksum of, with the data files that they name, and the folder."""
    files, root = source_files(source)
    return [*files, *_data_files(files, root)], root


def source_files(source: Source) -> tuple[list[Path], Path]:
    """The Python files of a plugin that may change under its version, none for nogd's own, and the folder of them."""
    if source.location and Path(source.location).is_file():
        file = Path(source.location)
        return list(_with_siblings(file)), file.parent
    folder = None if source.builtin else source.location or editable_folder(source.distribution)
    if folder is None:
        return [], Path()
    root = Path(folder)
    return list(_python_files(_source_root(root))), root


def editable_folder(distribution: str | None) -> str | None:
    """The project folder of an editable install (PEP 610), None for any other."""
    if distribution is None:
        return None
    try:
        text = importlib.metadata.distribution(distribution).read_text("direct_url.json")
        origin = json.loads(text or "{}")
        editable = origin.get("dir_info", {}).get("editable", False)
        return unquote(urlsplit(origin["url"]).path) if editable else None
    except (importlib.metadata.PackageNotFoundError, ValueError, AttributeError, KeyError):
        return None


def checksum(files: Sequence[Path], root: Path) -> str:
    """Eight hex digits of all contents and of the names below `root`, wherever that lies."""
    files = sorted({file for file in files if file.is_file()})
    named = (f"{_name(file, root)} {digest}" for file, digest in zip(files, digests(files), strict=True))
    return hashlib.sha256("\n".join(sorted(named)).encode()).hexdigest()[:8]


def _name(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name


def _data_files(files: Sequence[Path], root: Path) -> Iterator[Path]:
    for file in files:
        above = [folder for folder in file.parents if folder.is_relative_to(root)]
        yield from named_files(parsed(file).texts, above)


def _source_root(folder: Path) -> Path:
    return folder / "src" if (folder / "src").is_dir() else folder


def _python_files(folder: Path) -> Iterator[Path]:
    """The Python files under a folder, sorted; hidden folders, caches, tests and environments left out."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if _may_hold_sources(Path(root, name)))
        yield from (Path(root, name) for name in sorted(files) if name.endswith(".py"))


def _may_hold_sources(folder: Path) -> bool:
    return not is_pruned(folder) and folder.name not in _NOT_SOURCES


def _with_siblings(file: Path) -> Iterator[Path]:
    """A file and the modules beside it that it imports, directly or through one another."""
    waiting, seen = [file], {file}
    while waiting:
        current = waiting.pop()
        yield current
        for name in sorted(parsed(current).imports):
            for found in _siblings_called(file.parent, name):
                if found not in seen:
                    seen.add(found)
                    waiting.append(found)


def _siblings_called(folder: Path, name: str) -> list[Path]:
    module = folder / f"{name}.py"
    return [module] if module.is_file() else list(_python_files(folder / name))
