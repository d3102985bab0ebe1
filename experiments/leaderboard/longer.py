"""Write the default suite's experiments with larger budgets: who they are spent on follows from the budget before."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import tomli_w

HERE = Path(__file__).parent
ALWAYS = "random-search"
TWIN = "adam,checkpointing=true"

Row = dict[str, str]


@dataclass(frozen=True)
class Longer:
    """A budget, and who is among the first at the budget before: so many of each class, or near the first of all."""

    budget: int
    before: int
    first: int
    near: float

    @property
    def head(self) -> str:
        """What the file says of itself."""
        among = (
            f"is among the first {self.first} of its class" if self.first > 1 else "is the first of its class"
        )
        near = f", or within {self.near} of the first of all" if self.near else ""
        return f"""\
# Written by longer.py: the default suite at a larger budget. Of the tasks with a gradient, and of those without:
# who can do all of them, and at {self.before:,} forwards {among}{near};
# and {ALWAYS}, the least that a learner must beat. {TWIN} takes adam's steps, and is left out.
"""


LONGER = (Longer(10_000, 1000, 3, 0.05), Longer(100_000, 10_000, 1, 0.0))


def main() -> None:
    """Take the default suite, and fewer repetitions."""
    default = tomllib.loads((HERE / "default-1000.toml").read_text(encoding="utf-8"))
    for each in LONGER:
        learners = sorted(leading(each))
        experiment = default | {"learners": learners, "repetitions": 3, "budget": each.budget}
        path = HERE / f"default-{each.budget}.toml"
        path.write_text(each.head + tomli_w.dumps(experiment), encoding="utf-8")


def leading(longer: Longer) -> set[str]:
    """Who leads a class at the budget before, or is near the first of all."""
    wanted = ("default", str(longer.before))
    with (HERE / "standings.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["suite"], row["forwards"]) == wanted]
    fields = [list(mine) for _, mine in groupby(rows, itemgetter("gradient"))]
    return {name for field in fields for name in _of_field(field, longer)} - {TWIN} | {ALWAYS}


def _of_field(rows: list[Row], longer: Longer) -> Iterator[str]:
    """Rows are in order, those that can do all tasks first."""
    most = max(int(row["tasks"]) for row in rows)
    whole = [row for row in rows if int(row["tasks"]) == most]
    near = float(whole[0]["score"]) - longer.near
    for place, row in enumerate(whole):
        better = sum(other["class"] == row["class"] for other in whole[:place])
        if better < longer.first or float(row["score"]) >= near:
            yield row["learner"]


if __name__ == "__main__":
    main()
