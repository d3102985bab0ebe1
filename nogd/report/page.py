"""One self-contained HTML page: the whole comparison in a file that can be sent by mail."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure as Canvas
from pandas import DataFrame

from nogd.registry import Entry
from nogd.report import verdict
from nogd.report.environment import sessions, task_facts
from nogd.report.figure import Comparison, ResultsLike
from nogd.report.finals import FAILED
from nogd.report.leaderboard import Board, interval_text, number, other_boards, score_text
from nogd.report.look import DARK, LIGHT, looks_of
from nogd.report.names import clean, short_name
from nogd.report.sections import HasFigures, csv_link, draw_canvases, draw_sections
from nogd.report.whole import write_whole

PAGE = "report.html"


def write_report(folder: Path, results: ResultsLike | None = None, plugins: HasFigures | None = None) -> Path:
    """Write FOLDER/report.html and return its path.

    results: the store in the folder if not given; plugins: the process's own. A page that cannot be written raises
    StoreError and leaves an older one as it was. The same results give the same bytes.
    """
    if results is None:
        from nogd.bench.results import load_results

        results = load_results(folder)
    path = Path(folder) / PAGE
    write_whole(path, render(Comparison.of(results), _figures(plugins)))
    return path


def drawings(results: ResultsLike, plugins: HasFigures | None = None) -> dict[str, Canvas]:
    """The pictures of the report by name; matplotlib's figures, unknown to pyplot."""
    return draw_canvases(Comparison.of(results), _figures(plugins))


def render(comparison: Comparison, entries: Iterable[Entry]) -> str:
    """The page as text."""
    drawn = [] if comparison.runs.empty else draw_sections(comparison, entries)
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
            board_csv=csv_link(comparison.board.table) if len(comparison.runs) else "",
            looks=looks_of(comparison, width=300),
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


def _figures(plugins: HasFigures | None) -> Iterable[Entry]:
    if plugins is not None:
        return plugins.figures
    from nogd.plugins import plugins as installed

    return installed().figures


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
    if isinstance(value, float) and abs(value) < 1e-9:  # rounding error of a constant that is zero
        return "0"
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:,.4g}"
    return "-" if value is None else str(value)
