"""The version of a plugin as it decides results: with a check sum where its files may change under it."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from nogd.registry import Source

_NOT_SOURCES = {"__pycache__", "build", "dist", "node_modules", "tests"}
_NOT_IN_RESULTS = {"cli", "report", "testing"}  # parts of nogd that no result depends on


@cache
def source_version(source: Source) -> str:
    """A version that changes when the code may have: "1.2.0", or "1.2.0+src.1a2b3c4d".

    The second form is for files and folders given by path and for editable installs, where the version
    number alone says nothing: the eight digits are a check sum of the Python files. Counted once.
    """
    version = source.version or "0"
    files = list(_changeable_files(source))
    if not files:
        return version
    joint = "." if "+" in version else "+"
    return f"{version}{joint}src.{_check_sum(files)}"


def _changeable_files(source: Source) -> Iterator[Path]:
    if source.builtin:
        yield from _own_files()
    elif source.location and Path(source.location).is_file():
        yield from _with_siblings(Path(source.location))
    elif folder := source.location or editable_folder(source.distribution):
        yield from _python_files(_source_root(Path(folder)))


def _own_files() -> Iterator[Path]:
    """nogd's own files where nogd is not installed for good: all that a result may depend on."""
    package = Path(__file__).parent
    if _is_installed("nogd") and not editable_folder("nogd"):
        return
    for file in _python_files(package):
        if file.relative_to(package).parts[0] not in _NOT_IN_RESULTS:
            yield file


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


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


def _source_root(folder: Path) -> Path:
    return folder / "src" if (folder / "src").is_dir() else folder


def _python_files(folder: Path) -> Iterator[Path]:
    """The Python files under a folder, sorted; hidden folders, caches, tests and environments left out."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if _may_hold_sources(Path(root, name)))
        yield from (Path(root, name) for name in sorted(files) if name.endswith(".py"))


def _may_hold_sources(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in _NOT_SOURCES
    return not hidden and not (folder / "pyvenv.cfg").exists()


def _with_siblings(file: Path) -> Iterator[Path]:
    """A file and the modules beside it that it imports, directly or through one another."""
    waiting, seen = [file], {file}
    while waiting:
        current = waiting.pop()
        yield current
        for name in sorted(_imported_names(current)):
            for found in _siblings_called(file.parent, name):
                if found not in seen:
                    seen.add(found)
                    waiting.append(found)


def _siblings_called(folder: Path, name: str) -> list[Path]:
    module = folder / f"{name}.py"
    return [module] if module.is_file() else list(_python_files(folder / name))


def _imported_names(file: Path) -> set[str]:
    """The top-level names that a file imports; none where it does not parse."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def _check_sum(files: list[Path]) -> str:
    """Eight hex digits of all contents, whatever folder they lie in."""
    contents = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file())
    return hashlib.sha256("".join(contents).encode()).hexdigest()[:8]
