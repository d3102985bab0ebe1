"""The results of a run that is not over: a leaderboard, and which runs are there."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import jinja2
from pandas import DataFrame

from nogd.bench.current import missing_cells, planned_cells, stored_runs
from nogd.bench.store import Store
from nogd.bench.tables import load_tables
from nogd.report.figure import Comparison
from nogd.report.forms.templating import environment
from nogd.report.names import short_name
from nogd.report.numbers.finals import FAILED, NOT_APPLICABLE
from nogd.report.numbers.formats import interval_text, number, score_text

Counts: TypeAlias = Mapping[tuple[str, str], int]
"""Of a learner on a task."""


def interim(folder: Path) -> str:
    """The results so far, as a part of the page: which runs are there, and a leaderboard of them."""
    results = load_tables(folder)
    return "" if results.runs.empty else told(Comparison.of(results), *_planned(folder))


def told(comparison: Comparison, planned: Counts, old: Counts | None = None) -> str:
    """The same of a comparison with runs; planned: repetitions asked for, by learner and task.

    old: those of which an earlier run stands in for one that was asked for since and is still to come.
    """
    cells = coverage(comparison, planned, old)
    unfinished = any(cell.missing for row in cells.values() for cell in row)
    return _template().render(
        rows=_rows(comparison, cells), tasks=_tasks(comparison, planned), cells=cells, unfinished=unfinished
    )


def _planned(folder: Path) -> tuple[Counts, Counts]:
    """How many repetitions were asked for, and of how many of these an earlier run stands in."""
    store = Store(folder)
    try:
        runs, planned = stored_runs(store.rows()), planned_cells(store)
    finally:
        store.close()
    keys = ["learner", "task", "repetition"]
    missing = missing_cells(runs, planned)
    return _counts(planned.drop_duplicates(keys)), _counts(
        missing.merge(runs[keys].drop_duplicates(), on=keys)
    )


def _counts(cells: DataFrame) -> Counts:
    return Counter(zip(cells["learner"], cells["task"], strict=True))


def _tasks(comparison: Comparison, planned: Counts) -> list[str]:
    """All tasks by name, those without a run among them."""
    return sorted({*comparison.tasks, *(task for _, task in planned)})


def _rows(comparison: Comparison, cells: Mapping[str, Sequence[TaskCell]]) -> list[dict[str, Any]]:
    """The leaderboard's, each with its runs so far and those asked for."""
    rows = [
        {str(key): value for key, value in row.items()} for row in comparison.board.table.to_dict("records")
    ]
    for row in rows:
        mine = cells[row["learner"]]
        row.update(there=sum(cell.there for cell in mine), planned=sum(cell.planned for cell in mine))
    return rows


@dataclass(frozen=True)
class TaskCell:
    """Runs of one learner on one task. able: whether the learner can do it at all."""

    there: int
    planned: int
    failed: int
    able: bool

    @property
    def text(self) -> str:
        """What the page shows: n/a, "3 of 5", or "3 of 5, 1 failed"."""
        if not self.able:
            return "n/a"
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.there} of {self.planned}{failed}"

    @property
    def missing(self) -> bool:
        """Whether runs are still to come."""
        return self.there < self.planned


def coverage(comparison: Comparison, planned: Counts, old: Counts | None = None) -> dict[str, list[TaskCell]]:
    """For each learner, those of the leaderboard first, its cells in the order of the tasks' names."""
    statuses = comparison.runs.groupby(["learner", "task"])["status"].agg(list).to_dict()
    ranked = list(comparison.board.table["learner"])
    waiting = sorted({learner for learner, _ in planned} - set(ranked))
    found = {}
    for learner in [*ranked, *waiting]:
        cells = []
        for task in _tasks(comparison, planned):
            ended = statuses.get((learner, task), [])
            failed = sum(status in FAILED for status in ended)
            total = max(planned.get((learner, task), 0), len(ended))
            there = len(ended) - (old or {}).get((learner, task), 0)
            cells.append(TaskCell(there, total, failed, NOT_APPLICABLE not in ended))
        found[learner] = cells
    return found


@functools.cache
def _template() -> jinja2.Template:
    made = environment(number=number, score=score_text, short=short_name)
    made.globals.update(interval=interval_text)
    return made.get_template("interim.html")
