"""Whether a page is still the one that would be written now, found without what draws it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pandas import DataFrame

from nogd.plugins.registry import Entry
from nogd.plugins.sources import source_version
from nogd.report.figure import Comparison
from nogd.report.numbers.origins import commands
from nogd.version import __version__

PAGE = "report.html"


def is_fresh(path: Path, comparison: Comparison, entries: Iterable[Entry]) -> bool:
    """Whether the page there was made from the same as one that would be written now."""
    return made_from(comparison, entries) in _beginning(path)


def made_from(comparison: Comparison, entries: Iterable[Entry]) -> str:
    """A checksum of all that a page shows or is made by: runs, targets, settings, figures and nogd's version."""
    tables: list[Any] = [comparison.runs, comparison.reached, *comparison.pictures.values()]
    texts = [table.to_csv() if isinstance(table, DataFrame) else str(sorted(table or ())) for table in tables]
    made_by = [(entry.qualified_name, source_version(entry.source)) for entry in entries]
    meta = comparison.meta
    facts = [__version__, made_by, meta.get("settings"), meta.get("missing"), commands(meta, comparison.runs)]
    return hashlib.sha256("\n".join([*texts, *map(repr, facts)]).encode(errors="replace")).hexdigest()


def _beginning(path: Path) -> str:
    """So much of a page that what it was made from is in it; nothing where there is none."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(2000)
    except OSError:
        return ""
