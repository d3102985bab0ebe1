"""What a learner's own work takes beside scoring on digits, for every learner: `python overhead.py [LEARNER ...]`.

A run's own time is what it records as spent outside of the objective. With numba installed candidates are scored by
compiled loops; `python overhead.py --torch` scores them by torch alone, as where numba is missing. Learners that
refuse the task's 2,410 parameters have no row. Those that are named replace their rows, the others' stay.
"""

from __future__ import annotations

import csv
import sys
import tempfile

if "--torch" in sys.argv:
    sys.modules["numba"] = None  # type: ignore[assignment]  # what Python itself makes of a module that must not be there

from common import HERE, Row, row, write

import nogd

TASK, FORWARDS, REPETITIONS = "digits", 1_000, 3
GOAL = "<= 10 %"


def main() -> None:
    """Run the learners in this process, one after the other, and write their shares, the largest last."""
    named = [name for name in sys.argv[1:] if name != "--torch"]
    scorer, table = (
        ("torch alone", "overhead-torch") if "--torch" in sys.argv else ("its scoring", "overhead")
    )
    rows = {each.what: each for each in _kept(table)} if named else {}
    rows |= {each.what: each for each in measured(named, scorer)}
    write(table, sorted(rows.values(), key=lambda each: each.median))


def measured(named: list[str], scorer: str) -> list[Row]:
    """A row a learner, but for those that refuse the task."""
    with tempfile.TemporaryDirectory() as folder:
        results = nogd.run(
            tasks=[TASK],
            repetitions=REPETITIONS,
            budget={"forwards": FORWARDS},
            keep_thetas=False,
            out=folder,
            jobs=0,
            **({"learners": named} if named else {}),
        )
    runs = results.runs[results.runs["overhead_seconds"].notna()]
    shares = 100 * runs["overhead_seconds"] / (runs["seconds"] - runs["overhead_seconds"])
    return [
        row(str(learner), list(values), "%", GOAL, scorer)
        for learner, values in shares.groupby(runs["learner"])
    ]


def _kept(table: str) -> list[Row]:
    path = HERE / f"{table}.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            Row(
                each["what"],
                float(each["median"]),
                float(each["low"]),
                float(each["high"]),
                each["unit"],
                each["goal"],
                each["against"],
            )
            for each in csv.DictReader(file)
        ]


if __name__ == "__main__":
    main()
