"""Pages of a PDF: what is said first, a table, a picture with its words beside it; bound into one file."""

from __future__ import annotations

import io
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure as MplFigure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from pandas import DataFrame

from nogd.report.drawing.canvas import house_style
from nogd.report.drawing.style import INK, MUTED
from nogd.report.names import clean, short_name
from nogd.version import __version__

WIDTH, HEIGHT, MARGIN = 8.27, 5.83, 0.5
"""Inches: A5 across; a page grows where its picture needs more."""
_WORDS = 3.0
"""Inches for the words beside a picture."""
_TITLE = 0.4
_LINES = 38
"""Lines of a table on a page."""
_WIDEST = 40
"""Letters of a table's column."""
_POINTS = 72
_LETTERS = 15.5
"""Letters of the words in an inch."""


@dataclass(frozen=True)
class Sheet:
    """A page. box: what of it is shown, in inches, where that is more than the figure; words: lent to the figure."""

    figure: MplFigure
    box: Bbox | None = None
    words: Sequence[Text] = ()


def bound(sheets: Iterable[Sheet], title: str) -> bytes:
    """All pages as one PDF; equal pages give equal bytes."""
    buffer = io.BytesIO()
    # Without a date, equal results are equal bytes.
    metadata = {"Title": title, "Producer": f"nogd {__version__}", "Creator": None, "CreationDate": None}
    with house_style(), PdfPages(buffer, metadata=metadata) as file:
        for sheet in sheets:
            file.savefig(sheet.figure, bbox_inches=sheet.box)
            for each in sheet.words:
                each.remove()
    return buffer.getvalue()


def front_sheet(headline: str, said: Sequence[str], block: Sequence[str] = ()) -> Sheet:
    """The first page: a headline, sentences, and lines of a fixed width, such as a leaderboard."""
    headline = textwrap.fill(clean(headline), 62)
    body = [line for sentence in said for line in textwrap.wrap(f"- {clean(sentence)}", 116)]
    height = max(HEIGHT, 2 * MARGIN + 0.8 + 0.15 * len(body) + 0.131 * len(block))
    canvas = MplFigure(figsize=(WIDTH, height))
    top = _write(canvas, headline, height - MARGIN, size=14)
    top = _write(canvas, "\n".join(body), top - 0.1, size=8.5)
    _write(canvas, "\n".join(block), top - 0.2, size=7.5, family="monospace")
    return Sheet(canvas)


def table_sheets(title: str, shown: DataFrame, words: str = "") -> Iterator[Sheet]:
    """A table and what is to be said of it, on as many pages as it needs; a wide one goes on below, names again."""
    for lines in _paged([*_blocks(shown), textwrap.fill(clean(words), 110) if words else ""]):
        canvas = MplFigure(figsize=(WIDTH, HEIGHT))
        top = _write(canvas, title, HEIGHT - MARGIN, size=12)
        _write(canvas, "\n".join(lines), top - 0.15, size=7, family="monospace")
        yield Sheet(canvas)


def _blocks(shown: DataFrame) -> list[str]:
    """A table as text, its first column before each group of columns that fit beside each other."""
    names, *heads = (short_name(name, _WIDEST) for name in shown.columns)
    rows = [short_name(name, _WIDEST) for name in shown[shown.columns[0]]]
    cells = shown.iloc[:, 1:].map(_cell).set_axis(heads, axis=1).set_axis(rows, axis=0)
    text = cells.rename_axis(names, axis=1).to_string(max_colwidth=_WIDEST, line_width=118)
    return text.replace(" \\\n", "\n").split("\n\n")


def _paged(blocks: Iterable[str]) -> Iterator[list[str]]:
    """Lines by page: a block that fits on one is not torn apart."""
    page: list[str] = []
    for lines in map(str.splitlines, filter(None, blocks)):
        if page and len(page) + 1 + len(lines) > _LINES:
            yield page
            page = []
        page += ["", *lines] if page else lines
        while len(page) > _LINES:
            yield page[:_LINES]
            page = page[_LINES:]
    yield page


def _cell(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else clean(", ".join(str(value).splitlines()) or "-")


def _write(canvas: MplFigure, text: str, top: float, *, size: float, family: str = "sans-serif") -> float:
    """Text from the left margin down; returns where it ends, in inches from below."""
    width, height = canvas.get_size_inches()
    text = _turned(text)
    canvas.text(MARGIN / width, top / height, text, va="top", size=size, family=family, color=INK)
    return top - (text.count("\n") + 1) * size * 1.25 / _POINTS


def _turned(text: str) -> str:
    return "\n".join(map(_from_the_left, text.split("\n")))


def _from_the_left(line: str) -> str:
    """The line, marked to run from left to right where a name in it runs the other way and would turn it round."""
    return f"\u200e{line}" if any(unicodedata.bidirectional(sign) in {"R", "AL"} for sign in line) else line


def picture_sheet(drawn: MplFigure, title: str, words: Sequence[str]) -> Sheet:
    """The picture at the left and its words at the right; below it where it is too wide for that."""
    width, height = map(float, drawn.get_size_inches())
    beside = width + _WORDS + 2 * MARGIN <= WIDTH
    text = "\n\n".join(
        textwrap.fill(clean(part), int(_LETTERS * (_WORDS if beside else width))) for part in words
    )
    tall = (text.count("\n") + 1) * 10 / _POINTS
    inside = max(height, tall) if beside else height + 0.2 + tall
    left, top = -MARGIN, height + _TITLE + MARGIN  # of the page, from the picture's lower left corner
    page_width, page_height = max(WIDTH, width + 2 * MARGIN), max(HEIGHT, inside + 2 * MARGIN + _TITLE)
    x, y = (width + 0.25, height) if beside else (0.0, -0.2)
    said = [
        drawn.text(0, (height + _TITLE) / height, _turned(title), va="top", size=12, color=INK),
        drawn.text(x / width, y / height, text, va="top", size=8, color=MUTED),
    ]
    box = Bbox([[left, top - page_height], [left + page_width, top]])
    return Sheet(drawn, box, said)
