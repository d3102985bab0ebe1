"""What was measured of every learner on every task, as a small table that comes with nogd, for advice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pandas import DataFrame

from nogd.atomic_write import atomic_write
from nogd.errors import StoreError
from nogd.leaderboard.facts import FILE as FACTS_FILE
from nogd.leaderboard.facts import Facts, read_facts, write_facts
from nogd.leaderboard.standing import Standing
from nogd.report.numbers.finals import applicable
from nogd.report.numbers.statistics import interquartile_mean

HERE = Path(__file__).parent
COLUMNS = (
    "task",
    "forwards",
    "learner",
    "class",
    "package",
    "score",
    "low",
    "high",
    "runs",
    "failed",
    "cpu_seconds",
)


def measured_table(standings: Sequence[Standing]) -> DataFrame:
    """One row for each task, budget and learner, with COLUMNS: score is the interquartile mean over repetitions.

    `low` and `high` are the lowest and the highest run, as there are ten at most.
    """
    parts = [part for part in map(_of_field, standings) if len(part)]
    table = pd.concat(parts, ignore_index=True) if parts else DataFrame(columns=list(COLUMNS))
    return table.sort_values(["task", "forwards", "learner"], kind="stable").reset_index(drop=True)


def _of_field(standing: Standing) -> DataFrame:
    field = standing.field
    finals = field.tables.finals
    keys = ["task", "learner"]
    runs = dict(iter(applicable(field.tables.runs).groupby(keys)[["package", "cpu_seconds"]]))
    classes = dict(zip(standing.table["learner"], standing.table["class"], strict=True))
    rows = []
    for (task, learner), mine in finals[finals["score"].notna()].groupby(keys):
        own = runs[task, learner]
        scores = mine["score"].to_numpy(dtype=float)
        rows.append(
            {
                "task": task,
                "forwards": field.forwards,
                "learner": learner,
                "class": classes[learner],
                "package": own["package"].iloc[0],
                "score": float(interquartile_mean(scores)),
                "low": scores.min(),
                "high": scores.max(),
                "runs": len(scores),
                "failed": int(mine["failed"].sum()),
                "cpu_seconds": float(own["cpu_seconds"].mean()),  # unknown if all runs failed
            }
        )
    return DataFrame(rows, columns=list(COLUMNS))


def write_measured(path: Path, table: DataFrame, facts: dict[str, Facts]) -> None:
    """Write the table, and the facts of its tasks beside it. Raises StoreError if that cannot be."""
    atomic_write(path, table.to_csv(index=False, float_format="%.4g", lineterminator="\n"))
    known = set(table["task"])
    write_facts(path.with_name(FACTS_FILE), {name: each for name, each in facts.items() if name in known})


def read_measured(path: Path = HERE / "measured.csv") -> tuple[DataFrame, dict[str, Facts]]:
    """The table and the facts that come with nogd. Raises StoreError where they are missing or damaged."""
    try:
        table = pd.read_csv(path, dtype={"task": str, "learner": str, "class": str, "package": str})
        if list(table.columns) != list(COLUMNS):
            raise ValueError(f"columns are {', '.join(table.columns)}")
    except (OSError, ValueError) as error:
        raise StoreError(f"what was measured cannot be read from {str(path)!r}: {error}.") from error
    return table, read_facts(path.with_name(FACTS_FILE))
