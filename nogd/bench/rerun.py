"""Repeat a stored run and compare."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.events import Event, Finished
from nogd.bench.experiment import make_experiment
from nogd.bench.local import LocalExecutor
from nogd.bench.perform import Job
from nogd.bench.plan import Planned, plan
from nogd.bench.record import FAILED, Record
from nogd.bench.store import Store
from nogd.errors import InvalidSetting, UnknownName
from nogd.plugins.manager import plugins
from nogd.training.names import as_learner

OWN_TASKS = "tasks"
"""Of the folder of results, where the files of tasks lie that `nogd run --csv` has made."""
_SECONDS = CURVE_COLUMNS.index("seconds")


@dataclass(frozen=True)
class Repeated:
    """How the second run compares. same: equal status and, seconds aside, equal curves, bit for bit."""

    same: bool
    sentence: str


def repeat(folder: Path, id_: str, timeout: float) -> Repeated:
    """Run the cell whose id begins with `id_` again. Raises UserError if there is none, or its code has changed."""
    store = Store(folder)
    try:
        stored = store.load()
        store.damage.tell(store.path)
    finally:
        store.close()
    row = stored_row(stored.rows, id_, folder)
    curve = stored.curves.get(row["id"], np.empty((0, len(CURVE_COLUMNS))))
    item = _planned(row, folder)
    record = _again(Job(item.cell, item.learner, item.task, timeout), item.cell.threads)
    return _compared(row, curve, record, item.cell.name)


def stored_row(rows: list[dict[str, Any]], id_: str, folder: Path) -> dict[str, Any]:
    """The one whose id begins with `id_`. Raises UserError if there is none or several, or it cannot be repeated."""
    found = [row for row in rows if row["id"].startswith(id_)]
    if len(found) != 1:
        how = (
            "no stored run has an id that begins"
            if not found
            else f"{len(found)} stored runs have ids that begin"
        )
        raise UnknownName(f"{how} with {id_!r}; 'nogd runs --out {folder}' lists them.")
    if found[0]["learner_name"] is None or found[0]["hyper"] is None or found[0]["budget"] is None:
        raise InvalidSetting(
            f"run {found[0]['id']!r} cannot be repeated: the store does not say what its learner was."
        )
    return found[0]


def _planned(row: dict[str, Any], folder: Path) -> Planned:
    try:
        item = _planned_anew(row)
    except UnknownName as error:
        own = folder / OWN_TASKS / f"{row['task_package']}.py"
        if own.is_file():
            raise UnknownName(f"{error} The run's task is a table of your own: add --plugin {own}.") from None
        raise UnknownName(
            f"{error} The run took it from {row['package']} {row['version']} (its task from {row['task_package']});"
            " install that, or give --plugin as you did then."
        ) from None
    if item.cell.id != row["id"]:
        then = f"{row['package']} {row['version']}"
        now = f"{item.cell.learner['package']} {item.cell.learner['version']}"
        changed = (
            f"then {then}, now {now}"
            if then != now
            else "that of its task, data, loss or metric, or nogd's own"
        )
        raise InvalidSetting(
            f"{item.cell.name} cannot be repeated exactly: its code has changed ({changed}); install that"
            " version, or run the experiment again."
        )
    return item


def _planned_anew(row: dict[str, Any]) -> Planned:
    qualified = f"{row['package']}/{row['learner_name']}"  # a plugin's twin of a built-in learner is found by it alone
    name = qualified if qualified in plugins().learners else row["learner_name"]
    learner = as_learner({"name": name, "settings": json.loads(row["hyper"])})
    entry = {"use": learner, "label": row["learner"]}
    experiment = make_experiment(
        {
            "learners": [entry],
            "tasks": [row["task"]],
            "repetitions": row["repetition"] + 1,
            "budget": json.loads(row["budget"]),
            "threads": row["threads"],
            "device": row["device"],
        }
    )
    return plan(experiment)[-1]


def _again(job: Job, threads: int) -> Record:
    records: list[Record] = []

    def tell(event: Event) -> None:
        if isinstance(event, Finished):
            records.append(event.record)

    LocalExecutor(workers=1, threads=threads).run(iter([job]), tell)
    return records[0]


def _compared(row: dict[str, Any], curve: np.ndarray[Any, Any], record: Record, name: str) -> Repeated:
    loss = record.row.get("loss")  # None where nothing was measured
    ended = record.status if loss is None else f"{record.status}, loss {loss:.6g}"
    if record.status in FAILED:
        return Repeated(False, f"{name}: {ended}: {record.row['reason']}")
    same = row["status"] == record.status and np.array_equal(
        np.delete(curve, _SECONDS, 1), np.delete(record.curve, _SECONDS, 1), equal_nan=True
    )
    verdict = "the same curve, bit for bit" if same else "another curve than the stored one"
    return Repeated(same, f"{name}: {ended}: {verdict}.")
