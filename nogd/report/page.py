"""One self-contained HTML page: the whole comparison in a file that can be sent by mail."""

from __future__ import annotations

import math
import os
import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import jinja2
from pandas import DataFrame

from nogd.errors import PluginWarning, StoreError
from nogd.registry import Entry
from nogd.report import verdict
from nogd.report.canvas import house_style
from nogd.report.environment import sessions, task_facts
from nogd.report.figure import Comparison, Drawn, Figure, ResultsLike
from nogd.report.finals import FAILED
from nogd.report.leaderboard import Board, interval_text, number, other_boards, score_text
from nogd.report.look import DARK, LIGHT, looks
from nogd.report.names import clean, short_name
from nogd.report.svg import inline_svg

PAGE = "report.html"


class HasFigures(Protocol):
    """Whatever has the registry of figures, such as `nogd.plugins.plugins()`."""

    @property
    def figures(self) -> Iterable[Entry]:
        """The registered figures."""


@dataclass(frozen=True)
class Shown:
    """One drawing as the template needs it: `svg` is safe mark-up, all the rest is escaped there."""

    title: str
    alt: str
    svg: str
    table: DataFrame | None
    csv: str
    file: str


@dataclass(frozen=True)
class Section:
    """One figure with its drawings, or with the reason why there are none."""

    name: str
    title: str
    reading: tuple[str, str]
    order: int
    drawings: Sequence[Shown] = ()
    problem: str = ""


def write_report(folder: Path, results: ResultsLike | None = None, plugins: HasFigures | None = None) -> Path:
    """Write FOLDER/report.html and return its path.

    results: the store in the folder if not given; plugins: the process's own. A page that cannot be written raises
    StoreError and leaves an older one as it was. The same results give the same bytes.
    """
    if results is None:
        from nogd.bench.results import load_results

        results = load_results(folder)
    if plugins is None:
        from nogd.plugins import plugins as installed

        plugins = installed()
    path = Path(folder) / PAGE
    _write_whole(path, render(Comparison.of(results), plugins.figures))
    return path


def render(comparison: Comparison, entries: Iterable[Entry]) -> str:
    """The page as text."""
    drawn = [] if comparison.runs.empty else _sections(comparison, entries)
    first = [section for section in drawn if section.order <= 0]
    return (
        _environment()
        .get_template("page.html")
        .render(
            headline=verdict.headline(comparison),
            details=verdict.details(comparison),
            cautions=verdict.warnings(comparison),
            empty=comparison.runs.empty,
            board=None if comparison.runs.empty else comparison.board,
            others=[] if comparison.runs.empty else other_boards(comparison),
            board_csv=_csv_link(comparison.board.table) if len(comparison.runs) else "",
            looks=looks(comparison.learners, width=300),
            roles=_roles(comparison),
            first=first,
            sections=[section for section in drawn if section not in first],
            tracebacks=_tracebacks(comparison.runs),
            tasks=task_facts(comparison.runs),
            sessions=sessions(comparison.meta),
            example=_example_run(comparison.runs),
            light=LIGHT,
            dark=DARK,
        )
    )


def _sections(comparison: Comparison, entries: Iterable[Entry]) -> list[Section]:
    with house_style():
        sections = [_section(comparison, entry, f"f{place}") for place, entry in enumerate(entries)]
    return sorted(filter(None, sections), key=lambda section: section.order)


def _section(comparison: Comparison, entry: Entry, prefix: str) -> Section | None:
    """One figure's section; None where it has nothing to show. A figure that raises costs itself only."""
    try:
        figure = _loaded(entry)
        drawn = figure.draw(comparison)
        several = [drawn] if isinstance(drawn, Drawn) else list(drawn or ())
        shown = [_shown(figure, each, f"{prefix}-{place}") for place, each in enumerate(several)]
    except Exception as error:  # a third party's code: whatever it raises is its own section's matter
        return _broken(entry, error)
    if not shown:
        return None
    return Section(figure.name, figure.title, figure.reading, figure.order, shown)


def _loaded(entry: Entry) -> Figure:
    figure = entry.load()
    if not isinstance(figure, Figure):
        raise TypeError(f"it is a {type(figure).__name__}, not a nogd.report.figure.Figure")
    return figure


def _broken(entry: Entry, error: Exception) -> Section:
    said = f"The figure {entry.name!r} of {entry.source.describe()} failed: {type(error).__name__}: {error}"
    warnings.warn(said, PluginWarning, stacklevel=2)
    return Section(entry.name, entry.name, ("", ""), 80, problem=said)


def _shown(figure: Figure, drawn: Drawn, prefix: str) -> Shown:
    svg = "" if drawn.figure is None else inline_svg(drawn.figure, prefix, drawn.alt)
    table = drawn.table if drawn.table is not None else drawn.data if drawn.figure is None else None
    file = "-".join(filter(None, [figure.name, drawn.title]))
    return Shown(drawn.title, drawn.alt, svg, table, _csv_link(drawn.data), f"{_file_name(file)}.csv")


def _csv_link(data: DataFrame) -> str:
    """The table as a `data:` link, so that the page needs no second file."""
    text = data.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return f"data:text/csv;charset=utf-8,{quote(text, safe=',:;/()[]=*@!')}"


def _file_name(text: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in clean(text))[:80]


def _roles(comparison: Comparison) -> dict[str, str]:
    """What a learner is in this comparison beside itself: the reference, a baseline, below the floor."""
    board = comparison.board if len(comparison.runs) else None
    roles = {str(name): "baseline" for name in comparison.settings.get("baselines") or ()}
    roles[str(comparison.settings.get("reference"))] = "reference"
    if board is not None:
        roles |= {name: f"not better than {clean(board.floor)}" for name in board.beaten_by_floor}
    return roles


def _tracebacks(runs: DataFrame) -> list[Mapping[str, Any]]:
    """Failed runs that left a traceback, at most 100."""
    told = runs[runs["status"].isin(FAILED) & runs["traceback"].fillna("").astype(bool)]
    ordered = told.sort_values(["learner", "task", "repetition"], kind="stable").head(100)
    return [{str(key): value for key, value in row.items()} for row in ordered.to_dict("records")]


def _example_run(runs: DataFrame) -> str:
    return "" if runs.empty else str(runs.sort_values(["learner", "task", "repetition"])["id"].iloc[0])


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nogd.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(number=number, score=score_text, short=short_name, cell=_cell)
    environment.globals.update(interval=interval_text)
    environment.tests["board"] = lambda value: isinstance(value, Board)
    return environment


def _cell(value: object) -> str:
    """A table's cell: floats with four digits, nothing for what is missing."""
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:,.4g}"
    return "-" if value is None else str(value)


def _write_whole(path: Path, text: str) -> None:
    """Write beside the page first, then put it in place: a reader sees the old page or the new one."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".report-", suffix=".html")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"The report {path} cannot be written: {error.strerror or error}.") from error
