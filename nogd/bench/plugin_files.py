"""Plugins given by path, packed to travel with jobs: where they lie, a checksum, and the files themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nogd.bench.recipe import settings_heard, settings_told
from nogd.plugins.registry import Source
from nogd.plugins.settings import PluginSettings
from nogd.plugins.sources import all_files, source_version

_LARGEST = 2**22
"""Bytes of a plugin's files that travel; of a larger one only the place is told."""


def packed_plugins(settings: PluginSettings) -> dict[str, Any]:
    """Which plugins to load, as plain data, with what those given by path are made of."""
    return settings_told(settings) | {"extra": [_packed(given) for given in settings.extra]}


def unpacked_plugins(told: Mapping[str, Any], folder: Path) -> PluginSettings:
    """The plugins of `packed_plugins`: those that lie in the same place here and are the same, others unpacked.

    folder: where to; one for all calls of a process, as what is there already is used again.
    """
    return settings_heard(dict(told) | {"extra": [_unpacked(each, folder) for each in told["extra"]]})


def _packed(given: str) -> dict[str, Any]:
    if not Path(given).exists():  # a module's name
        return {"given": given, "version": None, "files": {}}
    files, root = all_files(_source(given))
    if (root / "pyproject.toml").is_file() and Path(given).is_dir():
        files = [*files, root / "pyproject.toml"]
    return {"given": given, "version": source_version(_source(given)), "files": _contents(files, root)}


def _contents(files: Sequence[Path], root: Path) -> dict[str, bytes]:
    """The files by their names below the root; none where that is not all of them."""
    files = [file for file in files if file.is_file()]
    apart = any(not file.is_relative_to(root) for file in files)
    if apart or sum(file.stat().st_size for file in files) > _LARGEST:
        return {}
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in files}


def _unpacked(told: Mapping[str, Any], folder: Path) -> str:
    given, version, files = Path(told["given"]), told["version"], told["files"]
    if version is None or not files or (given.exists() and source_version(_source(str(given))) == version):
        return str(told["given"])
    place = folder / str(version) / given.stem
    root = place if given.suffix == ".py" else place / given.name
    for name, content in files.items():
        file = root / name
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return str(root / given.name if given.suffix == ".py" else root)


def _source(given: str) -> Source:
    return Source(Path(given).stem, location=given)
