"""The leaderboard as one page: answers, pictures, and the standing of every learner in every field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pandas import DataFrame

from nogd.atomic_write import atomic_write
from nogd.bench.tables import RunTables
from nogd.leaderboard.gathering import broken, told
from nogd.leaderboard.standing import BACK_PROPAGATED, Standing
from nogd.leaderboard.wording import WITHOUT, learner_told, winner
from nogd.report.figure import Drawn
from nogd.report.forms.leaflet import Leaflet, page
from nogd.report.numbers.formats import interval_text, score_text

READING = (
    (
        "A score is the interquartile mean over tasks and repetitions of the metric on test data, 0 the best constant "
        "predictor, 1 the frozen reference; intervals are 95 % bootstrap over starts and random streams, not tasks."
    ),
    (
        "A class is the most that a learner's runs looked at. Compare a learner with those of no stronger class. A "
        "learner that cannot do all tasks of a field is told with the number that it can do, and is first of nothing."
    ),
)


def write_page(
    title: str,
    standings: Sequence[Standing],
    parts: Mapping[str, RunTables],
    pictures: Mapping[str, Drawn],
    path: Path,
) -> Path:
    """Write the page, and return its path; call inside of `house_style()`.

    :param pictures: in their order.
    :raises StoreError: if it cannot be written.
    """
    first, runs = firsts(standings), DataFrame({"part": told(parts)})
    tables = [
        ("The best without back-propagation, and with it", first, first),
        *((each.field.name, shown(each), each.table) for each in standings),
        ("Runs", runs, runs),
    ]
    notes = [*READING, *broken(parts)]
    leaflet = Leaflet("nogd: the leaderboard", title, notes, list(pictures.values()), tables)
    return atomic_write(path, page(leaflet))


def firsts(standings: Sequence[Standing]) -> DataFrame:
    """The best without back-propagation of each field, the best with it, and which of the two wins, for readers."""
    sides = {"best without back-propagation": WITHOUT, "best with it, or a surrogate": BACK_PROPAGATED}
    return DataFrame(
        [
            {
                "tasks": f"{each.field.name} ({len(each.field.tasks)})",
                **{side: _told(each, each.first_of(classes)) for side, classes in sides.items()},
                "which wins": winner(each),
            }
            for each in standings
        ]
    )


def _told(standing: Standing, learner: str | None) -> str:
    return "-" if learner is None else learner_told(standing, learner)


def shown(standing: Standing) -> DataFrame:
    """A field's table for readers."""
    rows = standing.table.to_dict("records")
    return DataFrame(
        {
            "learner": [row["learner"] for row in rows],
            "class": [row["class"] for row in rows],
            "score": [score_text(row["score"]) for row in rows],
            "interval": [interval_text(row["score_low"], row["score_high"]) for row in rows],
            "at best validation": [score_text(row["best_score"]) for row in rows],
            "tasks": [f"{row['tasks']} of {len(standing.field.tasks)}" for row in rows],
            "failed": [f"{row['failed']} of {row['runs']}" for row in rows],
            "processor s": [f"{row['cpu_seconds']:.2g}" for row in rows],
            "memory MB": [f"{row['memory_mb']:,.0f}" for row in rows],
        }
    )
