"""A comparison as PDF: what is said first, then a page for each picture and table."""

from __future__ import annotations

from collections.abc import Iterator

from nogd.report.figure import Comparison
from nogd.report.forms import verdict
from nogd.report.forms.answers import sentences
from nogd.report.forms.board_text import text_leaderboard
from nogd.report.forms.pdf_pages import Sheet, bound, front_sheet, picture_sheet, table_sheets
from nogd.report.forms.sections import HasFigures, Tell, draw_figures, figure_entries, silent, within
from nogd.report.names import clean
from nogd.report.numbers.tables import ResultsLike


def pdf(results: ResultsLike, plugins: HasFigures | None = None, tell: Tell = silent) -> bytes:
    """The whole comparison; the same results give the same bytes."""
    comparison = Comparison.of(results)
    return bound(_sheets(comparison, plugins, tell), verdict.headline(comparison))


def _sheets(comparison: Comparison, plugins: HasFigures | None, tell: Tell) -> Iterator[Sheet]:
    said = [*verdict.warnings(comparison), *sentences(comparison)]
    board = [] if comparison.runs.empty else text_leaderboard(comparison, 100).splitlines()
    yield front_sheet(verdict.headline(comparison), said, board)
    for figure, several in draw_figures(comparison, figure_entries(plugins), within(tell, 0.0, 0.7)):
        tell(0.7, "setting pages")
        for drawn in several:
            title = ": ".join(filter(None, [figure.title, clean(drawn.title) if drawn.title else ""]))
            if drawn.figure is None:
                yield from table_sheets(title, drawn.data if drawn.table is None else drawn.table, drawn.alt)
            else:
                yield picture_sheet(drawn.figure, title, [drawn.alt, *figure.reading])
