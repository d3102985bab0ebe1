"""Whether a page is still the one that would be written now, found without what draws it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pandas import DataFrame

from nogd import __version__
from nogd.plugins.registry import Entry
from nogd.plugins.sources import source_version
from nogd.report.figure import Comparison, ResultsLike
from nogd.report.numbers.origins import commands

if TYPE_CHECKING:
    from nogd.report.forms.sections import HasFigures

PAGE = "report.html"


def update_report(folder: Path, results: ResultsLike) -> Path:
    """Write FOLDER/report.html unless one made from the same is there; returns its path. Drawing takes seconds."""
    path = Path(folder) / PAGE
    if made_from(Comparison.of(results), figure_entries(None)) in _beginning(path):
        return path
    from nogd.report.forms.page import write_report

    return write_report(folder, results)


def made_from(comparison: Comparison, entries: Iterable[Entry]) -> str:
    """A check sum of all that a page shows or is made by: runs, targets, settings, figures and nogd's version."""
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


def figure_entries(plugins: HasFigures | None) -> Iterable[Entry]:
    """The figures of these plugins, or of the process's own."""
    if plugins is not None:
        return plugins.figures
    from nogd.plugins.manager import plugins as installed

    return installed().figures
