"""`nogd report`: the comparison again from a folder of results, in one of several forms; or two side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

EPILOG = """\b
Examples:
  nogd report
  nogd report nogd-runs --format md
  nogd report before after
  nogd report v1 v2 v3 --history grid-search
  nogd report --pair adam random-search
"""


@click.command(epilog=EPILOG)
@click.argument("folders", metavar="[DIR]...", type=click.Path(path_type=Path), nargs=-1)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["html", "pdf", "md", "csv"]),
    default="html",
    show_default=True,
    help="A page, a PDF, Markdown for a pull request, or a folder of tables.",
)
@click.option(
    "--pair",
    nargs=2,
    metavar="LEARNER LEARNER",
    help="Print one learner against another, task by task, and write nothing.",
)
@click.option(
    "--history", "learner", metavar="LEARNER", help="How this learner changed over all DIRs, by date."
)
def report(folders: tuple[Path, ...], kind: str, pair: tuple[str, str] | None, learner: str | None) -> None:
    """Write the comparison stored in DIR (nogd-runs if not given), and print the path of the result.

    What takes longer than a few seconds tells on stderr how far it is.

    With two folders: what changed from the first to the second, and whether the change is significant. This is written
    into the second folder.

    With --history and two folders or more: the score of one learner in each, the oldest first, and whether it changed
    significantly from one to the next. This is written into the last folder.
    """
    from nogd.report.forms.writing import write_form, write_history, write_versus  # heavy: only when it runs

    if pair and len(folders) > 1:
        raise click.UsageError("--pair compares two learners of one folder; leave the other folders out.")
    given = [_checked(folder) for folder in folders or (Path("nogd-runs"),)]
    if pair:
        click.echo(_pair_text(given[0], pair))
        return
    if learner is not None:
        path, summary = write_history(given, learner, kind)
    elif len(given) == 2:
        path, summary = write_versus(given[0], given[1], kind)
    elif len(given) == 1:
        with _progress() as tell:
            path, summary = write_form(given[0], kind, tell), ""
    else:
        raise click.UsageError(
            "Name one folder, or two to compare; for more say which learner: --history LEARNER."
        )
    if summary:
        click.echo(summary)
    click.echo(path)


@contextmanager
def _progress() -> Iterator[Callable[[float, str], None]]:
    """Takes how far it is, for stderr: a bar after two seconds on a terminal, else a line every ten seconds."""
    from nogd.training.progress import PATIENCE_SECONDS, Bar, Lines

    if not sys.stderr.isatty():
        yield Lines().show
        return
    bar = Bar(PATIENCE_SECONDS)
    try:
        yield bar.show
    finally:
        bar.end()


def _pair_text(folder: Path, pair: tuple[str, str]) -> str:
    from nogd.report.figure import Comparison
    from nogd.report.figures.pairwise import pair_text
    from nogd.report.results import load_results

    return pair_text(Comparison.of(load_results(folder)), *pair)


def _checked(folder: Path) -> Path:
    from nogd.errors import StoreError

    if not folder.is_dir():
        raise StoreError(f"There is no folder {str(folder)!r}: name one that 'nogd run' has filled.")
    if not (folder / "runs.sqlite").is_file():
        raise StoreError(f"There are no results in {str(folder)!r}: fill it with 'nogd run --out {folder}'.")
    return folder
