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
  nogd report --pair adam random-search
"""


@click.command(epilog=EPILOG)
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("nogd-runs"))
@click.argument("other", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
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
def report(folder: Path, other: Path | None, kind: str, pair: tuple[str, str] | None) -> None:
    """Write the comparison stored in DIR (nogd-runs if not given), and print the path of the result.

    What takes longer than a few seconds tells on stderr how far it is.

    With two folders: what changed from the first to the second, and whether the change is significant. This is written
    into the second folder.
    """
    from nogd.report.forms.writing import write_form, write_versus  # heavy: only when the command runs

    if pair:
        click.echo(_pair_text(folder, other, pair))
        return
    if other is None:
        with _progress() as tell:
            path = write_form(_checked(folder), kind, tell)
        click.echo(path)
        return
    path, summary = write_versus(_checked(folder), _checked(other), kind)
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


def _pair_text(folder: Path, other: Path | None, pair: tuple[str, str]) -> str:
    from nogd.report.figure import Comparison
    from nogd.report.figures.pairwise import pair_text
    from nogd.report.results import load_results

    if other is not None:
        raise click.UsageError("--pair compares two learners of one folder; leave the second folder out.")
    return pair_text(Comparison.of(load_results(_checked(folder))), *pair)


def _checked(folder: Path) -> Path:
    from nogd.errors import StoreError

    if not folder.is_dir():
        raise StoreError(f"There is no folder {str(folder)!r}: name one that 'nogd run' has filled.")
    if not (folder / "runs.sqlite").is_file():
        raise StoreError(f"There are no results in {str(folder)!r}: fill it with 'nogd run --out {folder}'.")
    return folder
