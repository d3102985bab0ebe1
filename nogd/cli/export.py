"""`nogd export`: runs, curves, targets and traces for other tools."""

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
    r"""Write four tables to DIR/export, and print their paths.

    \b
    runs     one row per run
    curves   one row per point of a run's curve
    targets  one row per run and frozen target, with what the run had spent when it reached it
    traces   one row per improvement of a run's best training loss

    The runs are those of the report: of each learner, task and repetition the one last asked for.
    """
    from nogd.bench.export import write_tables
    from nogd.bench.tables import load_with_traces

    tables, traces = load_with_traces(out, latest=not everything)
    for path in write_tables(tables, traces, out / "export", kind):
        click.echo(path)
