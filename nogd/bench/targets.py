"""Targets: training losses frozen from the reference learner's runs, and what each run paid until it reached them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nogd.bench.columns import CURVE_COLUMNS, TRACE_COLUMNS
from nogd.bench.record import Table

LEDGERS = ("forwards", "flops", "seconds")
REACHED_COLUMNS = ("id", "learner", "task", "repetition", "target", "expected", *LEDGERS)
SHARES = (0.001, 0.01, 0.1, 0.3, 1.0)
"""Absolute targets: what the reference has reached after these shares of its budget, the median of its runs."""
TAUS = (0.5, 0.1, 0.01)
"""Relative targets: what of the way from a run's own start to the reference's final loss may be left."""
_COLUMNS = (*LEDGERS, "loss")


def descent(curve: Table, trace: Table) -> Table:
    """How the best training loss of a run fell: `[K, 4]`, the columns of LEDGERS and the loss, both in order.

    From every scored candidate and, for learners that score on parts of the data, from the recommendation as
    measured along the curve.
    """
    parts = [
        table[:, [columns.index(name) for name in _COLUMNS]]
        for table, columns in ((trace, TRACE_COLUMNS), (curve, CURVE_COLUMNS))
    ]
    rows = np.concatenate(parts)
    rows = rows[np.isfinite(rows[:, -1])]
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    rows[:, -1] = np.minimum.accumulate(rows[:, -1])
    return rows


def first_reached(descent: Table, levels: np.ndarray[Any, Any]) -> Table:
    """What was paid until the loss was first at most each level: `[levels, len(LEDGERS)]`, NaN where it never was."""
    place = np.searchsorted(-descent[:, -1], -levels, side="left")
    paid = np.full((len(levels), len(LEDGERS)), np.nan)
    found = place < len(descent)
    paid[found] = descent[place[found], : len(LEDGERS)]
    return paid


def freeze_targets(
    descents: Sequence[Table], starts: Sequence[float], spent: Sequence[float], budget: float
) -> list[dict[str, Any]]:
    """The targets that the reference's runs set, with what one success is expected to cost it in forwards.

    descents: one table per run; starts: their losses at the start; spent, budget: in forwards. A target that every run
    meets where it starts is none, and left out, as is one at which half of the runs had no finite loss yet. A run that
    starts at none has no way to go, and takes no part.
    """
    losses = [float(np.median([_by_then(table, share * budget) for table in descents])) for share in SHARES]
    targets: list[dict[str, Any]] = [
        {"name": f"{share:.1%}".replace(".0%", "%"), "share": share, "loss": loss}
        for share, loss in zip(SHARES, losses, strict=True)
    ]
    targets += [{"name": f"tau {tau:g}", "tau": tau, "loss": losses[-1]} for tau in TAUS]
    start = np.array(starts, dtype=float)
    start[~np.isfinite(start)] = np.nan
    levels = np.stack([level(target, start) for target in targets], axis=1)
    paid = np.stack([first_reached(table, row)[:, 0] for table, row in zip(descents, levels, strict=True)])
    asked = start[:, None] > levels
    cost = np.where(asked, np.where(np.isnan(paid), np.array(spent)[:, None], paid), 0.0).sum(axis=0)
    successes = np.sum(asked & ~np.isnan(paid), axis=0)
    return [
        target | {"forwards": float(cost[place] / successes[place])}
        for place, target in enumerate(targets)
        if successes[place]
    ]


def _by_then(descent: Table, forwards: float) -> float:
    """The best loss after so many forwards, infinite where none was finite by then; the start is free."""
    known = int(np.searchsorted(descent[:, 0], max(forwards, 0.0), side="right"))
    return float(descent[known - 1, -1]) if known else np.inf


def level(target: Mapping[str, Any], start: Any) -> Any:
    """The loss that a target asks of a run that starts at `start`."""
    share = target.get("tau")
    loss = float(target["loss"])
    return np.full_like(start, loss) if share is None else start - (1 - share) * (start - loss)


def reached_table(
    runs: pd.DataFrame,
    curves: Mapping[str, Table],
    traces: Mapping[str, Table],
    frozen: Mapping[tuple[str, int], Mapping[str, Any] | None],
) -> pd.DataFrame:
    """One row per applicable run and target: what the run paid until it reached it, NaN where it never did.

    frozen: the frozen entries by task and version. `expected` is what one success costs the reference, in forwards. A
    target that a start meets already is left out for that repetition, for all learners alike, since they share the
    start.
    """
    reached = Reached(runs, frozen)
    for id_ in runs["id"]:
        reached.add(id_, curves.get(id_), traces.get(id_))
    return reached.table()


class Reached:
    """The table of `reached_table`, made of one run's curve and trace after the other's, in any order."""

    def __init__(
        self, runs: pd.DataFrame, frozen: Mapping[tuple[str, int], Mapping[str, Any] | None]
    ) -> None:
        rows = runs[runs["status"] != "not-applicable"]
        starts = rows.groupby(["task", "repetition"])["start_loss"].transform("first").to_numpy(dtype=float)
        keys = rows[["id", "learner", "task", "repetition", "task_version"]].itertuples(
            index=False, name=None
        )
        self._asked = {id_: (key, float(start)) for (id_, *key), start in zip(keys, starts, strict=True)}
        self._frozen = frozen
        self._parts: dict[str, tuple[Any, ...]] = {}

    def add(self, id_: str, curve: Table | None, trace: Table | None) -> None:
        """What a run has left; nothing is kept of it but what it paid until it reached each target."""
        if id_ not in self._asked:
            return
        (learner, task, repetition, version), start = self._asked[id_]
        targets = (self._frozen.get((task, version)) or {}).get("targets") or ()
        if not targets or not np.isfinite(start):
            return
        levels = np.array([level(target, np.float64(start)) for target in targets])
        kept = [target for target, asked in zip(targets, start > levels, strict=True) if asked]
        table = descent(_NO_CURVE if curve is None else curve, _NO_TRACE if trace is None else trace)
        names, expected = [target["name"] for target in kept], [target["forwards"] for target in kept]
        paid = first_reached(table, levels[start > levels])
        self._parts[id_] = (id_, learner, task, repetition, names, expected, paid)

    def table(self) -> pd.DataFrame:
        """What was added, in the order of the runs."""
        return _joined([self._parts[id_] for id_ in self._asked if id_ in self._parts])


_NO_CURVE: Table = np.empty((0, len(CURVE_COLUMNS)))
_NO_TRACE: Table = np.empty((0, len(TRACE_COLUMNS)))


def _joined(parts: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """One frame, joined column by column: a frame a run would take seconds."""
    counts = [len(part[4]) for part in parts]
    columns: dict[str, Any] = {
        name: np.repeat(np.array([part[place] for part in parts], dtype=object), counts)
        for place, name in enumerate(REACHED_COLUMNS[:4])
    }
    columns["repetition"] = columns["repetition"].astype("int64")
    columns["target"] = np.array([name for part in parts for name in part[4]], dtype=object)
    columns["expected"] = np.array([cost for part in parts for cost in part[5]], dtype=float)
    paid = np.concatenate([*(part[6] for part in parts), np.empty((0, len(LEDGERS)))])
    columns |= dict(zip(LEDGERS, paid.T, strict=True))
    return pd.DataFrame(columns, columns=list(REACHED_COLUMNS))
