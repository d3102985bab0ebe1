"""Write the page of a folder where what it shows has changed."""

from __future__ import annotations

from pathlib import Path

from nogd.plugins.registry import offered
from nogd.report.figure import Comparison
from nogd.report.forms.freshness import PAGE, is_fresh
from nogd.report.numbers.tables import ResultsLike


def update_report(folder: Path, results: ResultsLike) -> Path:
    """Write FOLDER/report.html unless one made from the same is there; returns its path. Drawing takes seconds."""
    path = Path(folder) / PAGE
    if is_fresh(path, Comparison.of(results), offered("figure")):
        return path
    from nogd.report.forms.page import write_report  # here: it imports all that draws

    return write_report(folder, results)
