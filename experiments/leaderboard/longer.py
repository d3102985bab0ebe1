"""Write default-10000.toml: the learners that ten times the budget is spent on, by how they stand at 1,000 forwards."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import tomli_w

HERE = Path(__file__).parent
FIRST, NEAR = 3, 0.05
ALWAYS = "random-search"
TWIN = "adam,checkpointing=true"
HEAD = f"""\
# Written by longer.py: the default suite at ten times the budget. Of the tasks with a gradient, and of those without:
# who can do all of them, and at 1,000 forwards is among the first {FIRST} of its class, or within {NEAR} of the first
# of all. And {ALWAYS}, the least that a learner must beat. {TWIN} takes adam's steps, and is left out.
"""

Row = dict[str, str]


def main() -> None:
    """Take the default suite, and fewer repetitions."""
    default = tomllib.loads((HERE / "default-1000.toml").read_text(encoding="utf-8"))
    experiment = default | {"learners": sorted(leading()), "repetitions": 3, "budget": 10_000}
    (HERE / "default-10000.toml").write_text(HEAD + tomli_w.dumps(experiment), encoding="utf-8")


def leading() -> set[str]:
    """Who leads a class, or is near the first of all."""
    with (HERE / "standings.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["suite"], row["forwards"]) == ("default", "1000")]
    fields = [list(mine) for _, mine in groupby(rows, itemgetter("gradient"))]
    return {name for field in fields for name in _of_field(field)} - {TWIN} | {ALWAYS}


def _of_field(rows: list[Row]) -> Iterator[str]:
    """Rows are in order, those that can do all tasks first."""
    most = max(int(row["tasks"]) for row in rows)
    whole = [row for row in rows if int(row["tasks"]) == most]
    near = float(whole[0]["score"]) - NEAR
    for place, row in enumerate(whole):
        better = sum(other["class"] == row["class"] for other in whole[:place])
        if better < FIRST or float(row["score"]) >= near:
            yield row["learner"]


if __name__ == "__main__":
    main()
