"""`nogd leaderboard`: several comparisons as one, with what is published and runs of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nogd.leaderboard.building import Built

EPILOG = """\b
Examples:
  nogd leaderboard experiments/leaderboard
  nogd run experiments/leaderboard/default-1000.toml -l my-learner --out mine/default-1000
  nogd leaderboard experiments/leaderboard --stores mine
"""

MOST = 10
"""How many faults are told."""


@click.command(epilog=EPILOG)
@click.argument("folder", type=click.Path(path_type=Path), default=Path("experiments/leaderboard"))
@click.option(
    "--stores",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder with stores of runs that join those of FOLDER, each named after its part. May be repeated.",
)
@click.option(
    "--publish",
    is_flag=True,
    help="Keep the runs of --stores in FOLDER, with page, reading and advice made of all.",
)
def leaderboard(folder: Path, stores: tuple[Path, ...], publish: bool) -> None:
    """Build the leaderboard in FOLDER from its published runs, and print who is first where.

    FOLDER holds leaderboard.toml, which names its parts: experiment files, each a suite of tasks at one budget. A new
    learner joins with its own runs alone: make them with each part's file and your learner, and name their folder by
    --stores. The page is then written there, and FOLDER stays as it is unless --publish says so.
    """
    from nogd.leaderboard.building import build
    from nogd.leaderboard.gathering import broken, told
    from nogd.leaderboard.wording import answer

    built = build(folder, stores, publish=publish)
    faults = broken(built.parts)
    more = [f"... and {len(faults) - MOST} more."] if len(faults) > MOST else []
    for sentence in (*told(built.parts), *faults[:MOST], *more, "", *map(answer, built.standings)):
        click.echo(sentence)
    for learner in built.entered:
        click.echo("\n" + _entered(built, learner))
    for path in built.written:
        click.echo(path)


def _entered(built: Built, learner: str) -> str:
    """How a learner that is new stands in each field, as a table."""
    from nogd.cli.table import table, terminal_width
    from nogd.report.numbers.formats import interval_text, score_text

    rows = []
    for each in built.standings:
        names = list(each.table["learner"])
        if learner not in names:
            continue
        row, first = each.row(learner), each.first_of([each.row(learner)["class"]])
        rows.append(
            [
                each.field.name,
                f"{names.index(learner) + 1} of {len(names)}",
                score_text(row["score"]),
                interval_text(row["score_low"], row["score_high"]),
                f"{row['tasks']} of {len(each.field.tasks)}",
                row["class"],
                "-" if first is None else f"{first} {score_text(each.row(first)['score'])}",
            ]
        )
    headings = [learner, "PLACE", "SCORE", "INTERVAL", "TASKS", "CLASS", "FIRST OF ITS CLASS"]
    return table(headings, rows, terminal_width())
