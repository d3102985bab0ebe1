"""Of very many runs the curves of a sample: what a report draws of the others would hide nothing but itself."""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd

from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.record import Table

_ENDS = ("loss", "metric", "test_metric")


def sampled(runs: pd.DataFrame, most: int) -> frozenset[str] | None:
    """The ids of a sample of about `most` runs, or None where there are no more.

    Of each learner and task as many, at least one: the same repetitions of all learners, drawn by the task's name.
    """
    if len(runs) <= most:
        return None
    each = max(1, most // len(runs[["learner", "task"]].drop_duplicates()))
    chosen: list[str] = []
    for task, rows in runs.groupby("task", sort=True):
        drawn = np.random.default_rng(zlib.crc32(str(task).encode())).permutation(
            np.unique(rows["repetition"])
        )
        place = rows["repetition"].map({repetition: place for place, repetition in enumerate(drawn)})
        rank = place.groupby(rows["learner"]).rank(method="first")
        chosen += rows["id"][rank <= each].tolist()
    return frozenset(chosen)


def ends(curve: Table) -> Table:
    """The points of a curve that say where its run began, where it ended, and where its validation loss was lowest."""
    columns = {name: curve[:, CURVE_COLUMNS.index(name)] for name in (*_ENDS, "validation_loss")}
    kept: set[int] = set()
    for name in _ENDS:
        known = np.flatnonzero(np.isfinite(columns[name]))
        kept |= {int(known[0]), int(known[-1])} if known.size else set()
    measured = np.flatnonzero(np.isfinite(columns["validation_loss"]) & np.isfinite(columns["test_metric"]))
    if measured.size:
        kept.add(int(measured[columns["validation_loss"][measured].argmin()]))
    return curve[sorted(kept)]
