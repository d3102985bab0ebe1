"""A comparison as PDF: what is said first, then a page for each picture with its words beside it."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import Figure as Canvas

from nogd import __version__
from nogd.errors import InvalidSetting
from nogd.report import verdict
from nogd.report.answers import sentences
from nogd.report.board_text import text_leaderboard
from nogd.report.canvas import house_style
from nogd.report.figure import Comparison, Drawn, ResultsLike
from nogd.report.look import INK, MUTED
from nogd.report.names import clean
from nogd.report.page import figure_entries
from nogd.report.sections import HasFigures, draw_figures

if TYPE_CHECKING:
    from pypdf import PageObject, PdfWriter

WIDTH, HEIGHT, MARGIN = 8.27, 5.83, 0.5
"""Inches: A5 across; a page grows where its picture needs more."""
_WORDS = 3.0
"""Inches for the words beside a picture."""
_TITLE = 0.4
_LINES = 44
"""Lines of a table on a page."""
_POINTS = 72
_LETTERS = 15.5
"""Letters of the words in an inch."""


def pdf(results: ResultsLike, plugins: HasFigures | None = None) -> bytes:
    """The whole comparison; the same results give the same bytes. Raises InvalidSetting without the package pypdf."""
    try:
        from pypdf import PdfWriter
    except ImportError:
        raise InvalidSetting("a PDF needs another package: pip install 'nogd[pdf]', or take html.") from None
    comparison = Comparison.of(results)
    writer = PdfWriter()
    with house_style():
        for sheet in _sheets(comparison, plugins):
            _add(writer, sheet)
    writer.add_metadata({"/Producer": f"nogd {__version__}", "/Title": verdict.headline(comparison)})
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


@dataclass(frozen=True)
class _Sheet:
    """A page. picture: laid over its words, with its lower left corner at `at`, in inches."""

    words: Canvas
    picture: Canvas | None = None
    at: tuple[float, float] = (0.0, 0.0)


def _add(writer: PdfWriter, sheet: _Sheet) -> None:
    from pypdf import Transformation

    page = writer.add_page(_page(sheet.words))
    if sheet.picture is not None:
        shift = Transformation().translate(sheet.at[0] * _POINTS, sheet.at[1] * _POINTS)
        page.merge_transformed_page(_page(sheet.picture), shift)


def _sheets(comparison: Comparison, plugins: HasFigures | None) -> Iterator[_Sheet]:
    yield _Sheet(_front(comparison))
    for figure, several in draw_figures(comparison, figure_entries(plugins)):
        for drawn in several:
            title = ": ".join(filter(None, [figure.title, clean(drawn.title) if drawn.title else ""]))
            if drawn.figure is None:
                yield from map(_Sheet, _table(title, drawn))
            else:
                yield _picture(drawn.figure, title, [drawn.alt, *figure.reading])


def _page(canvas: Canvas) -> PageObject:
    """The canvas as a page of its own."""
    from pypdf import PdfReader

    buffer = io.BytesIO()
    # Without a date, equal results are equal bytes.
    canvas.savefig(buffer, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return PdfReader(buffer).pages[0]


def _front(comparison: Comparison) -> Canvas:
    """Headline, what goes with it, and the leaderboard."""
    headline = textwrap.fill(clean(verdict.headline(comparison)), 62)
    said = [*verdict.warnings(comparison), *sentences(comparison)]
    body = [line for sentence in said for line in textwrap.wrap(f"- {clean(sentence)}", 116)]
    board = [] if comparison.runs.empty else text_leaderboard(comparison, 100).splitlines()
    height = max(HEIGHT, 2 * MARGIN + 0.8 + 0.15 * len(body) + 0.131 * len(board))
    canvas = Canvas(figsize=(WIDTH, height))
    top = _write(canvas, headline, height - MARGIN, size=14)
    top = _write(canvas, "\n".join(body), top - 0.1, size=8.5)
    _write(canvas, "\n".join(board), top - 0.2, size=7.5, family="monospace")
    return canvas


def _table(title: str, drawn: Drawn) -> Iterator[Canvas]:
    shown = drawn.table if drawn.table is not None else drawn.data
    text = shown.map(_cell).to_string(index=False, max_colwidth=40, line_width=118)
    lines = [*text.splitlines(), "", *textwrap.wrap(clean(drawn.alt), 110)]
    for start in range(0, len(lines), _LINES):
        canvas = Canvas(figsize=(WIDTH, HEIGHT))
        top = _write(canvas, title, HEIGHT - MARGIN, size=12)
        _write(canvas, "\n".join(lines[start : start + _LINES]), top - 0.15, size=7, family="monospace")
        yield canvas


def _cell(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else clean(value)


def _write(canvas: Canvas, text: str, top: float, *, size: float, family: str = "sans-serif") -> float:
    """Text from the left margin down; returns where it ends, in inches from below."""
    width, height = canvas.get_size_inches()
    canvas.text(MARGIN / width, top / height, text, va="top", size=size, family=family, color=INK)
    return top - (text.count("\n") + 1) * size * 1.25 / _POINTS


def _picture(drawn: Canvas, title: str, words: list[str]) -> _Sheet:
    """The picture at the left and its words at the right; below it where it is too wide for that."""
    width, height = map(float, drawn.get_size_inches())
    beside = width + _WORDS + 2 * MARGIN <= WIDTH
    text = "\n\n".join(
        textwrap.fill(clean(part), int(_LETTERS * (_WORDS if beside else width))) for part in words
    )
    tall = (text.count("\n") + 1) * 10 / _POINTS
    inside = max(height, tall) if beside else height + 0.2 + tall
    sheet = Canvas(figsize=(max(WIDTH, width + 2 * MARGIN), max(HEIGHT, inside + 2 * MARGIN + _TITLE)))
    page_width, page_height = map(float, sheet.get_size_inches())
    top = page_height - MARGIN - _TITLE
    _write(sheet, title, page_height - MARGIN, size=12)
    place = (MARGIN + width + 0.25, top) if beside else (MARGIN, top - height - 0.2)
    sheet.text(place[0] / page_width, place[1] / page_height, text, va="top", size=8, color=MUTED)
    return _Sheet(sheet, drawn, (MARGIN, top - height))
