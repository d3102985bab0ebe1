"""The figures of a report drawn one after the other, each apart from the others: one that raises costs only itself."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias
from urllib.parse import quote

from matplotlib.figure import Figure as MplFigure
from pandas import DataFrame

from nogd.errors import PluginWarning
from nogd.plugins.registry import Entry, offered
from nogd.report.drawing.canvas import house_style
from nogd.report.drawing.near import keep_near
from nogd.report.drawing.svg import inline_svg
from nogd.report.figure import Comparison, Drawn, Figure
from nogd.report.names import clean

_LAST = 79
"""The order of a figure that failed: after those that have something to show, before the runs that failed."""
_NOT_PLAIN = re.compile(r"[^\w.~,:;/()\[\]=*@!-]+", re.ASCII)
"""What a link must spell in another way: `quote` looks at one letter after the other, of which there are a million."""
_COLUMN = 5.0
"""Inches: a wider drawing takes the page's whole width."""


Tell: TypeAlias = Callable[[float, str], None]
"""Is told how far a report is: a share, and what is at work."""


def silent(_share: float, _what: str) -> None:
    """Tells nobody."""


def within(tell: Tell, low: float, high: float) -> Tell:
    """The same for a part of the report that goes from one share of it to another."""
    return lambda share, what: tell(low + (high - low) * share, what)


class HasFigures(Protocol):
    """Whatever has the registry of figures, such as `nogd.plugins.manager.plugins()`."""

    @property
    def figures(self) -> Iterable[Entry]:
        """The registered figures."""


def figure_entries(plugins: HasFigures | None) -> Iterable[Entry]:
    """The figures of these plugins, or of the process's own."""
    return offered("figure") if plugins is None else plugins.figures


@dataclass(frozen=True)
class Shown:
    """One drawing as the template needs it: `svg` is safe mark-up, all the rest is escaped there.

    csv: the data behind it; key: what they are called in the page, where `file` may stand twice.
    """

    title: str
    alt: str
    svg: str
    table: DataFrame | None
    csv: str
    file: str
    key: str
    wide: bool = False
    """Too wide for a column of the page."""


@dataclass(frozen=True)
class Section:
    """One figure with its drawings, or with the reason why there are none."""

    name: str
    title: str
    reading: tuple[str, str]
    order: int
    anchor: str
    drawings: Sequence[Shown] = ()
    problem: str = ""
    why_none: str = ""


def draw_figures(
    comparison: Comparison, entries: Iterable[Entry], tell: Tell = silent
) -> list[tuple[Figure, list[Drawn]]]:
    """All figures with their drawings, in the order of the page; one that fails is warned of and left out."""
    found = []
    with house_style():
        for entry in _one_by_one(list(entries), tell) if len(comparison.runs) else ():
            try:
                figure, several, _ = _drawn(comparison, entry)
                found.append((figure, several))
            except Exception as error:  # a third party's code, as in a page
                _broken(entry, error, "")
    return sorted(found, key=lambda pair: pair[0].order)


def draw_canvases(comparison: Comparison, entries: Iterable[Entry]) -> dict[str, MplFigure]:
    """All pictures by name, such as "scores" and "learning-curves-iris"; tables have none."""
    return {
        file_name(figure, each): each.figure
        for figure, several in draw_figures(comparison, entries)
        for each in several
        if each.figure is not None
    }


def draw_sections(comparison: Comparison, entries: Iterable[Entry], tell: Tell = silent) -> list[Section]:
    """All figures that have something to show, in the order of the page."""
    entries = list(entries)
    names = Counter(entry.name for entry in entries)
    anchors = [_plain(entry.name if names[entry.name] == 1 else entry.qualified_name) for entry in entries]
    with house_style():
        sections = [
            _section(comparison, entry, anchor, f"f{place}")
            for place, (entry, anchor) in enumerate(zip(_one_by_one(entries, tell), anchors, strict=True))
        ]
    return sorted(filter(None, sections), key=lambda section: section.order)


def _one_by_one(entries: Sequence[Entry], tell: Tell) -> Iterator[Entry]:
    """The entries, each of them told before it is drawn."""
    for place, entry in enumerate(entries):
        tell(place / len(entries), f"drawing {entry.name}")
        yield entry


def _section(comparison: Comparison, entry: Entry, anchor: str, prefix: str) -> Section | None:
    """One figure's section; None where it has nothing to show. A figure that raises costs itself only."""
    try:
        figure, several, why_none = _drawn(comparison, entry)
        shown = [_shown(figure, each, f"{prefix}-{place}") for place, each in enumerate(several)]
    except Exception as error:  # a third party's code: whatever it raises is its own section's matter
        return _broken(entry, error, anchor)
    if why_none:
        return Section(figure.name, figure.title, ("", ""), figure.order, anchor, why_none=why_none)
    if not shown:
        return None
    return Section(figure.name, figure.title, figure.reading, figure.order, anchor, shown)


def _drawn(comparison: Comparison, entry: Entry) -> tuple[Figure, list[Drawn], str]:
    """A figure with its drawings, or with the sentence why there are none."""
    figure = loaded(entry)
    drawn = figure.draw(comparison)
    if isinstance(drawn, str):
        return figure, [], drawn
    several = [drawn] if isinstance(drawn, Drawn) else list(drawn or ())
    for each in several:
        if each.figure is not None:
            keep_near(each.figure)
    return figure, several, ""


def loaded(entry: Entry) -> Figure:
    """The figure that an entry stands for; raises TypeError where it is something else."""
    figure = entry.load()
    if not isinstance(figure, Figure):
        raise TypeError(f"it is a {type(figure).__name__}, not a nogd.report.figure.Figure")
    return figure


def _broken(entry: Entry, error: Exception, anchor: str) -> Section:
    said = f"The figure {entry.name!r} of {entry.source.describe()} failed: {type(error).__name__}: {error}"
    warnings.warn(said, PluginWarning, stacklevel=2)
    return Section(entry.name, entry.name, ("", ""), _LAST, anchor, problem=said)


def _shown(figure: Figure, drawn: Drawn, prefix: str) -> Shown:
    svg = "" if drawn.figure is None else inline_svg(drawn.figure, prefix, drawn.alt)
    table = drawn.table if drawn.table is not None else drawn.data if drawn.figure is None else None
    wide = drawn.figure is None or drawn.figure.get_size_inches()[0] > _COLUMN
    return Shown(
        drawn.title, drawn.alt, svg, table, csv_text(drawn.data), file_name(figure, drawn), prefix, wide
    )


def csv_text(data: DataFrame) -> str:
    """The table as CSV, with six digits."""
    return str(data.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def csv_link(data: DataFrame) -> str:
    """The table as a `data:` link, so that the page needs no second file."""
    text = csv_text(data)
    return f"data:text/csv;charset=utf-8,{_NOT_PLAIN.sub(lambda match: quote(match[0], safe=''), text)}"


def file_name(figure: Figure, drawn: Drawn) -> str:
    """A name for files that hold a drawing, without an ending."""
    return "-".join(filter(None, [_plain(figure.name), _plain(drawn.title)]))


def _plain(text: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in clean(text))[:80] if text else ""
