"""`nogd export`: runs and curves for other tools."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Examples:
  nogd export
  nogd export --out quick --format parquet
"""


@click.command(epilog=EPILOG)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("nogd-runs"), show_default=True, help="Folder."
)
@click.option("--format", "kind", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True)
def export(out: Path, kind: str) -> None:
    """Write one row a run and one row a point of its curve to DIR/export, and print the two paths."""
    from nogd.bench.export import write_tables
    from nogd.bench.results import load_results

    for path in write_tables(load_results(out, latest=False), out / "export", kind):
        click.echo(path)
