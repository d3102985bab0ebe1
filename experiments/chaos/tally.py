"""What was done to a harness, life by life: a row of a CSV file each, which later calls add to."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

COLUMNS = ("seconds", "struck", "late", "rows_of_failures", "lost_with_the_log", "harm")
_AND = "; "


@dataclass
class Life:
    """One life of a harness.

    :ivar seconds: how long it took.
    :ivar struck: names of the faults that it met.
    :ivar late: names of those that found nothing to do any more.
    :ivar rows_of_failures: runs that faults have made rows of by then.
    :ivar lost_with_the_log: runs that were lost with the end of SQLite's log.
    :ivar harm: every promise that was broken, in words.
    """

    seconds: float = 0.0
    struck: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    rows_of_failures: int = 0
    lost_with_the_log: int = 0
    harm: list[str] = field(default_factory=list)


def read(path: Path | None) -> list[Life]:
    """The lives of earlier calls."""
    if path is None or not path.exists():
        return []
    with path.open(newline="") as file:
        return [_life(row) for row in csv.DictReader(file)]


def append(path: Path | None, life: Life) -> None:
    """A row more, at once: whoever ends this loses no life but the present one."""
    if path is None:
        return
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(COLUMNS)
        writer.writerow(
            [
                f"{life.seconds:.1f}",
                _AND.join(life.struck),
                _AND.join(life.late),
                life.rows_of_failures,
                life.lost_with_the_log,
                _AND.join(life.harm),
            ]
        )


def counts(lives: Iterable[Life]) -> Counter[str]:
    """How many faults of each kind struck."""
    return Counter(name for life in lives for name in life.struck)


def told(lives: list[Life]) -> str:
    """The verdict, in a line."""
    harm = sum(len(life.harm) for life in lives)
    minutes = sum(life.seconds for life in lives) / 60
    said = f"{counts(lives).total()} faults in {len(lives)} lives ({minutes:.0f} minutes), {harm} did harm"
    if harm:
        return said
    failures = sum(life.rows_of_failures for life in lives)
    return f"{said}; {failures} rows of failures; what was gone on with equals what was never stopped"


def _life(row: dict[str, str]) -> Life:
    struck, late, harm = (row[name].split(_AND) if row[name] else [] for name in ("struck", "late", "harm"))
    return Life(
        float(row["seconds"]),
        struck,
        late,
        int(row["rows_of_failures"]),
        int(row["lost_with_the_log"]),
        harm,
    )
