"""One self-contained HTML page: the whole comparison in a file that can be sent by mail."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from pandas import DataFrame

from nogd.atomic_write import atomic_write
from nogd.plugins.registry import Entry
from nogd.report.drawing.style import DARK, LIGHT, looks_of
from nogd.report.figure import Comparison
from nogd.report.forms import verdict
from nogd.report.forms.answers import answers
from nogd.report.forms.board_view import cells, columns_of, task_rows
from nogd.report.forms.chapters import FAILURES, chapters
from nogd.report.forms.freshness import PAGE, made_from
from nogd.report.forms.run_view import runs_told
from nogd.report.forms.script import accesses, checksum, learners_told, packed, script, told_tags
from nogd.report.forms.sections import (
    HasFigures,
    Section,
    Tell,
    csv_text,
    draw_sections,
    figure_entries,
    silent,
    within,
)
from nogd.report.forms.templating import environment
from nogd.report.names import clean, counted, short_name
from nogd.report.numbers.finals import FAILED
from nogd.report.numbers.hosts import host_facts
from nogd.report.numbers.leaderboard import other_boards
from nogd.report.numbers.origins import commands, learner_facts, run_list, sessions, task_facts
from nogd.report.numbers.tables import ResultsLike
from nogd.report.numbers.tags import tags_of

SHOWN_AT_ONCE = 6
"""Drawings of one figure that are seen at first; the others are folded."""


def write_report(
    folder: Path,
    results: ResultsLike | None = None,
    plugins: HasFigures | None = None,
    tell: Tell = silent,
) -> Path:
    """Write FOLDER/report.html and return its path.

    results: the store in the folder if not given; plugins: the process's own. A page that cannot be written raises
    StoreError and leaves an older one as it was. The same results give the same bytes.
    """
    if results is None:
        from nogd.bench.tables import load_tables

        results = load_tables(folder)
    path = Path(folder) / PAGE
    atomic_write(path, render(Comparison.of(results), figure_entries(plugins), tell))
    return path


def render(comparison: Comparison, entries: Iterable[Entry], tell: Tell = silent) -> str:
    """The page as text."""
    some, entries = len(comparison.runs) > 0, list(entries)
    drawn = draw_sections(comparison, entries, within(tell, 0.0, 0.8)) if some else []
    tell(0.8, "leaderboards and page")
    none_won = verdict.nothing_succeeded(comparison)
    text = script()
    return _template().render(
        **_first_screen(comparison),
        **(_numbers(comparison) if some else {"board": None}),
        first=[section for section in drawn if section.order <= 0 and not none_won],
        ranked=not none_won,
        chapters=sorted(chapters(drawn), key=lambda each: none_won and each.anchor != FAILURES),
        shown_at_once=SHOWN_AT_ONCE,
        made_from=made_from(comparison, entries),
        tracebacks=_tracebacks(comparison.runs),
        sessions=sessions(comparison.meta, comparison.runs),
        machines=host_facts(comparison) if some else None,
        commands=commands(comparison.meta, comparison.runs),
        footer=counted(len(comparison.runs), "run"),
        light=LIGHT,
        dark=DARK,
        tables=packed(_tables(comparison, drawn)),
        script=text,
        script_hash=checksum(text),
    )


def _first_screen(comparison: Comparison) -> dict[str, Any]:
    return {
        "headline": verdict.headline(comparison),
        "cautions": verdict.warnings(comparison),
        "answers": answers(comparison),
        "notes": verdict.notes(comparison),
    }


def _numbers(comparison: Comparison) -> dict[str, Any]:
    """Leaderboards and facts, of which a comparison without runs has none."""
    board, runs = comparison.board, comparison.runs
    tags = tags_of(comparison.meta, "tasks")
    told = {
        "learners": learners_told(comparison, board),
        "task_tags": [tags.get(task, []) for task in comparison.tasks],
    }
    return {
        "board": board,
        "others": other_boards(comparison),
        "by_task": task_rows(comparison, board) | told,
        "accesses": accesses(board),
        "tags": told_tags(comparison),
        "looks": looks_of(comparison, width=300),
        "roles": _roles(comparison),
        "tasks": task_facts(runs),
        "learners": learner_facts(runs),
    }


def _tables(comparison: Comparison, drawn: Iterable[Section]) -> dict[str, Any]:
    """What the page offers as CSV, by the key under which the script finds it, and what it tells of single runs."""
    found: dict[str, Any] = {shown.key: shown.csv for section in drawn for shown in section.drawings}
    if len(comparison.runs):
        found |= {
            "leaderboard": csv_text(comparison.board.table),
            "runs": csv_text(run_list(comparison.runs)),
            "one run": runs_told(comparison),
        }
    return found


def _roles(comparison: Comparison) -> dict[str, str]:
    """What a learner is in this comparison beside itself: the reference, a baseline, below the floor."""
    roles = {str(name): "baseline" for name in comparison.settings.get("baselines") or ()}
    roles[str(comparison.settings.get("reference"))] = "reference"
    board = comparison.board
    return roles | {name: f"not better than {clean(board.minimum_baseline)}" for name in board.below_minimum}


def _tracebacks(runs: DataFrame) -> list[Mapping[str, Any]]:
    """Failed runs that left a traceback, at most 100."""
    told = runs[runs["status"].isin(FAILED) & runs["traceback"].fillna("").astype(bool)]
    ordered = told.sort_values(["learner", "task", "repetition"], kind="stable").head(100)
    return [{str(key): value for key, value in row.items()} for row in ordered.to_dict("records")]


@functools.cache
def _template() -> jinja2.Template:
    made = environment(short=short_name, cell=_cell)
    made.globals.update(columns_of=columns_of, cells=cells)
    return made.get_template("page.html")


def _cell(value: object) -> str:
    """A table's cell: floats with four digits, nothing for what is missing."""
    if isinstance(value, float) and abs(value) < 1e-9:  # rounding error of a constant that is zero
        return "0"
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:,.4g}"
    return "-" if value is None else str(value)
