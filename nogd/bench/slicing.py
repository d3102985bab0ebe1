"""Planes for pictures of optimisation paths: made when an experiment's runs are done, one per task, off every clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nogd.bench.events import Event, Executor, Finished
from nogd.bench.loss_slice import slice_through
from nogd.bench.perform import Job
from nogd.bench.plan import Planned
from nogd.bench.store import Store

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class _Sheet:
    """A task's plane as far as it is known before the loss is looked at, and the job that looks."""

    arrays: dict[str, np.ndarray[Any, Any]]
    job: Job | None


def slice_losses(store: Store, planned: Sequence[Planned], executor: Executor, timeout: float) -> None:
    """Make the planes of these cells' tasks anew where other runs count now than those that they were made of.

    The loss is looked at by the executor, as runs are, since a task's code may hang or crash; that costs its plane the
    shading only. timeout: seconds until that is given up.
    """
    sheets = {
        task: sheet
        for task, rows in _changed(store, {item.cell.task for item in planned})
        if (sheet := _sheet(store, rows, _first(planned, task), timeout)) is not None
    }
    seen: dict[str, Mapping[str, Any]] = {}

    def tell(event: Event) -> None:
        if isinstance(event, Finished) and "plane" in event.record.pictures:
            seen[event.cell.task] = event.record.pictures["plane"]

    if any(sheet.job for sheet in sheets.values()):
        executor.run((sheet.job for sheet in sheets.values() if sheet.job is not None), tell)
    for task, sheet in sheets.items():
        store.add_picture("plane", task, {**sheet.arrays, **seen.get(task, {})})


def _first(planned: Sequence[Planned], task: str) -> Planned:
    return next(item for item in planned if item.cell.task == task)


def _changed(store: Store, tasks: set[str]) -> Iterator[tuple[str, DataFrame]]:
    """The runs of each task that has paths which its plane was not made of."""
    owners = set(store.owners("path"))
    if not owners:
        return
    from nogd.bench.current import current_runs, planned_cells, stored_runs  # pandas

    runs = current_runs(stored_runs(store.rows()), planned_cells(store))
    for task, rows in runs[runs["task"].isin(tasks)].groupby("task"):
        shown = _one_start(rows.assign(drawn=rows["id"].isin(owners)))
        known = store.picture("plane", str(task))
        if shown is not None and (known is None or list(known["ids"]) != list(shown["id"][shown["drawn"]])):
            yield str(task), shown.assign(spent=rows["forwards"].sum())


def _one_start(rows: DataFrame) -> DataFrame | None:
    """The repetition with the most paths, the first of several: all of its runs begin at one place."""
    paths = rows.groupby("repetition")["drawn"].sum()
    return rows[rows["repetition"] == paths.idxmax()].sort_values("learner") if paths.max() > 0 else None


def _sheet(store: Store, rows: DataFrame, item: Planned, timeout: float) -> _Sheet | None:
    found = {str(id_): store.picture("path", str(id_)) for id_ in rows["id"][rows["drawn"]]}
    paths = {id_: path for id_, path in found.items() if path is not None}
    starts = {path["thetas"][0].tobytes() for path in paths.values()}
    made = slice_through(paths, float(rows["spent"].iloc[0])) if len(starts) == 1 else None
    if made is None:
        return None
    arrays, loss_slice = made
    arrays["repetition"] = np.array(rows["repetition"].iloc[0])
    job = (
        None
        if loss_slice is None
        else Job(item.cell, item.learner, item.task, timeout, loss_slice=loss_slice)
    )
    return _Sheet(arrays, job)
