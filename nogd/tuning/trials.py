"""What a learner with some hyper-parameters is worth: its runs by the bench, judged on validation data alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import InstanceOf

from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.events import Event, Executor
from nogd.bench.experiment import Experiment, LearnerEntry
from nogd.bench.perform import Job
from nogd.bench.progress import Silent
from nogd.bench.record import FAILED
from nogd.bench.run import execute
from nogd.bench.store import Store
from nogd.errors import InvalidSetting
from nogd.training.learner import Learner
from nogd.training.names import written

WORST = 10.0
"""What a run counts as that failed, or is worse: so many times the loss that it started with."""
_VALIDATION = CURVE_COLUMNS.index("validation_loss")


class KeptOpen(Executor):
    """Another executor, which is used for the runs of many trials and closed after the last one."""

    name: ClassVar[str] = "kept-open"
    inner: InstanceOf[Executor]

    def run(self, jobs: Iterator[Job | None], tell: Callable[[Event], None]) -> None:
        """As the other one does."""
        self.inner.run(jobs, tell)


@dataclass(frozen=True)
class Worth:
    """What a trial's runs came to.

    :param value: mean over tasks and repetitions of the validation loss, as a share of what it was at the start.
    :param forwards: that the runs spent.
    :param failed: how many of the runs failed.
    :param ids: of the runs, in the store.
    :param reasons: why runs failed or could not be made, each once.
    """

    value: float
    forwards: float
    failed: int
    ids: tuple[str, ...]
    reasons: tuple[str, ...] = ()


def worth_of(learner: Learner, experiment: Experiment, out: Path) -> Worth:
    """Run a learner as the experiment says, where that is not done yet, and judge it.

    :param learner: with its hyper-parameters.
    :param experiment: tasks, repetitions, budget and what runs them.
    :param out: the folder of the store.
    :raises InvalidSetting: where it can do nothing on a task.
    """
    made = experiment.model_copy(
        update={"learners": (LearnerEntry(use=written(learner)),), "keep_thetas": False}
    )
    workers = made.executor.workers if isinstance(made.executor, Executor) else None
    summary = execute(made, out, jobs=workers, fresh=False, progress=Silent())
    store = Store(out)
    try:
        stored = [store.load(id_) for id_ in dict.fromkeys(summary.planned)]
    finally:
        store.close()
    rows = [row for each in stored for row in each.rows]
    curves = {id_: curve for each in stored for id_, curve in each.curves.items()}
    _refuse_impossible(learner, rows)
    return Worth(
        value=_mean_of_tasks(rows, curves),
        forwards=sum(row["forwards"] or 0.0 for row in rows),
        failed=sum(row["status"] in FAILED for row in rows),
        ids=summary.planned,
        reasons=tuple(dict.fromkeys(f"{row['task']}: {row['reason']}" for row in rows if _is_void(row))),
    )


def _refuse_impossible(learner: Learner, rows: Sequence[Any]) -> None:
    for task in dict.fromkeys(row["task"] for row in rows):
        mine = [row for row in rows if row["task"] == task]
        if all(row["status"] == "not-applicable" for row in mine):
            raise InvalidSetting(f"{learner} cannot do the task {task!r}: {mine[0]['reason']}")


def invalid(error: InvalidSetting) -> Worth:
    """Of hyper-parameters that do not go together, which no run was made for."""
    return Worth(WORST, 0.0, 0, (), (str(error),))


def _is_void(row: Any) -> bool:
    return row["status"] in FAILED or row["status"] == "not-applicable"


def _mean_of_tasks(rows: Sequence[Any], curves: dict[str, Any]) -> float:
    """The mean over tasks of the mean over repetitions, so that no task counts more for a run that is missing."""
    tasks: dict[str, list[float]] = {}
    for row in rows:
        tasks.setdefault(row["task"], []).append(_share_left(row, curves.get(row["id"])))
    return float(np.mean([np.mean(values) for values in tasks.values()])) if tasks else WORST


def _share_left(row: Any, curve: Any) -> float:
    """The validation loss of a run, 1 at its start and 0 where there is none left; WORST for a failure.

    A loss may be negative, as returns of a simulated world are: then less than 0 is better still.
    """
    loss = row["validation_loss"]
    if _is_void(row) or loss is None or curve is None or not len(curve):
        return WORST
    start = float(curve[0, _VALIDATION])
    if not (math.isfinite(loss) and math.isfinite(start)):
        return WORST
    return float(min(1 + (loss - start) / max(abs(start), 1e-12), WORST))


def on_kept_open(experiment: Experiment, executor: Executor) -> Experiment:
    """The experiment on an executor that stays open."""
    kept = KeptOpen(inner=executor, workers=executor.workers, threads=executor.threads)
    return experiment.model_copy(update={"executor": kept})


def counted_once(worth: Worth, known: set[str]) -> Worth:
    """What it came to, with the forwards of new runs alone: two trials may come to one learner."""
    fresh = bool(set(worth.ids) - known)
    known.update(worth.ids)
    return worth if fresh else replace(worth, forwards=0.0)
