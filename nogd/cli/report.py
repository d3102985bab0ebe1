"""`nogd report`: the page again, from a folder of results."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("nogd-runs"))
def report(folder: Path) -> None:
    """Write the comparison stored in DIR (nogd-runs if not given) as one HTML page and print its path."""
    from nogd.errors import StoreError

    if not folder.is_dir():
        raise StoreError(f"There is no folder {str(folder)!r}: name one that 'nogd run' has filled.")
    if not (folder / "runs.sqlite").is_file():
        raise StoreError(f"There are no results in {str(folder)!r}: fill it with 'nogd run --out {folder}'.")
    from nogd.report.page import write_report  # heavy: only when the command runs

    click.echo(write_report(folder))
