"""`nogd rerun`: repeat a stored run and compare."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Example:
  nogd rerun 3f2a            the beginning of an id is enough; 'nogd runs' lists them
"""


@click.command(epilog=EPILOG)
@click.argument("id_", metavar="ID")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("nogd-runs"), show_default=True, help="Folder."
)
@click.option(
    "--timeout", type=float, default=300.0, show_default=True, help="Seconds after which the run is killed."
)
def rerun(id_: str, out: Path, timeout: float) -> None:
    """Repeat the stored run ID with all its settings, and say whether its curve comes out the same.

    The store is left as it is. Exits with 1 if the curve differs or the run fails.
    """
    from nogd.bench.rerun import repeat

    repeated = repeat(out, id_, timeout)
    click.echo(repeated.sentence)
    if not repeated.same:
        raise click.exceptions.Exit(1)
