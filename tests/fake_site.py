"""A folder on sys.path that holds fake installed packages and files of plugins, for tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent


class Site:
    """A folder that stands for site-packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str) -> Path:
        """Write a file and the folders above it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), "utf-8")
        return path

    def install(
        self, name: str, module: str, text: str | None, version: str = "1.2", points: str | None = None
    ) -> Path:
        """A distribution with one module of that text (None: the module is gone); returns its dist-info."""
        if text is not None:
            self.write(f"{module}.py", text)
        points = points or f"[nogd]\n{module} = {module}\n"
        folder = f"{name.replace('-', '_')}-{version}.dist-info"
        self.write(f"{folder}/entry_points.txt", points)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        return self.write(f"{folder}/METADATA", metadata).parent


@contextmanager
def fake_site(folder: Path) -> Iterator[Site]:
    """Put a folder on sys.path; in the end, forget what was imported from it or put on sys.path."""
    folder.mkdir()
    path, modules = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield Site(folder)
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


OFFERS_COIN_TOSS = """
    from nogd import Lazy, hookimpl

    @hookimpl
    def nogd_learners():
        return [Lazy("coin-toss", "fake_coin:CoinToss", "keep a random step that helps")]
"""
