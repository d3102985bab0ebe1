"""`nogd export`: runs and curves for other tools."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Examples:
  nogd export
  nogd export --out quick --format parquet
  nogd export --all
"""


@click.command(epilog=EPILOG)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("nogd-runs"), show_default=True, help="Folder."
)
@click.option("--format", "kind", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True)
@click.option(
    "--all", "everything", is_flag=True, help="Also runs that no longer count, of other budgets and versions."
)
def export(out: Path, kind: str, everything: bool) -> None:
    """Write one row per run and one row per point of its curve to DIR/export, and print the two paths.

    The runs are those of the report: of each learner, task and repetition the one last asked for.
    """
    from nogd.bench.export import write_tables
    from nogd.report.results import load_results

    for path in write_tables(load_results(out, latest=not everything), out / "export", kind):
        click.echo(path)
