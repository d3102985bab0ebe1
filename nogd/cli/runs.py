"""`nogd runs`: look through a store, and delete from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nogd.cli import complete

if TYPE_CHECKING:
    import pandas as pd

    from nogd.bench.store import Store

EPILOG = """\b
Examples:
  nogd runs --status error
  nogd runs -l adam -t diabetes --json
  nogd runs --id 3f2a --show
  nogd runs -l adam,lr=0.1 --delete
"""
_SHOWN = ["id", "learner", "task", "repetition", "status", "loss", "test_metric", "forwards", "seconds"]


@click.command(epilog=EPILOG)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("nogd-runs"), show_default=True, help="Folder."
)
@click.option(
    "-l",
    "--learner",
    "learners",
    multiple=True,
    shell_complete=complete.learners,
    help="Only this learner; may be repeated.",
)
@click.option(
    "-t",
    "--task",
    "tasks",
    multiple=True,
    shell_complete=complete.names_of("task"),
    help="Only this task; may be repeated.",
)
@click.option("--status", "statuses", multiple=True, help="Only this status; may be repeated.")
@click.option(
    "--id", "ids", multiple=True, help="Only the run with this id; its first characters are enough."
)
@click.option(
    "--show",
    is_flag=True,
    help="Print all that is known of the one run that fits: settings, source, machine, curve, and how to repeat it.",
)
@click.option("--delete", is_flag=True, help="Delete the runs that are listed.")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print a JSON array: one object per run, with everything that is known.",
)
def runs(
    out: Path,
    learners: tuple[str, ...],
    tasks: tuple[str, ...],
    statuses: tuple[str, ...],
    ids: tuple[str, ...],
    show: bool,
    delete: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """List stored runs, all of them or those that match every option; or delete them.

    If some of them no longer count, because another run of their learner, task and repetition was asked for later, a
    column says so.
    """
    from contextlib import closing

    from nogd.bench.current import chosen_runs
    from nogd.bench.store import Store

    having = {"learner": learners, "task": tasks, "status": statuses}
    with closing(Store(out)) as store:
        chosen = chosen_runs(store, having, ids)
        for column, wanted in having.items():
            _check(store, column, set(wanted).difference(chosen[column]))
        store.damage.tell(store.path)
    if show:
        click.echo(_one(chosen, out))
    elif as_json:
        click.echo(json.dumps([_object(row) for row in chosen.to_dict("records")], indent=1))
    elif chosen.empty:
        click.echo("No run fits.", err=True)
    else:
        shown = _SHOWN if chosen["counts"].all() else [*_SHOWN, "counts"]
        click.echo(chosen[shown].to_string(index=False, float_format="{:.5g}".format, na_rep="-"))
    doomed = [*chosen["id"], *(id_ for id_ in store.damage.runs if ids and id_.startswith(ids))]
    if not delete or not doomed:
        return
    if not yes:
        click.confirm(f"Delete {len(doomed)} of the runs in {out}?", abort=True, err=True)
    with closing(Store(out, create=True)) as store:
        store.delete(doomed)
    click.echo(f"Deleted {len(doomed)} runs.", err=True)


def _one(chosen: pd.DataFrame, out: Path) -> str:
    """All about the run that was chosen; raises UserError where it is not one."""
    from nogd.errors import UnknownName
    from nogd.report.forms.run_text import run_text
    from nogd.report.results import load_results

    if len(chosen) != 1:
        raise UnknownName(f"--show prints one run, and {len(chosen)} fit; choose one with --id.")
    return run_text(load_results(out, latest=False), str(chosen["id"].iloc[0]), str(out))


def _check(store: Store, column: str, missing: set[str]) -> None:
    """Refuse a value that no stored run has, naming what there is; in an empty store anything may be asked for."""
    from nogd.errors import UnknownName, did_you_mean

    known = store.values(column) if missing else []
    for value in sorted(missing.difference(known)):
        if known:
            raise UnknownName(
                f"no stored run has {column} {value!r}{did_you_mean(value, known)} There are: {', '.join(known)}."
            )


def _object(row: dict[Any, Any]) -> dict[str, Any]:
    """A run as plain JSON: NaN as null, JSON texts as objects, the ledgers together under `meter` as well."""
    plain = {
        str(name): None if value != value else value for name, value in row.items()
    }  # NaN is unequal to itself
    for name in ("hyper", "budget"):
        plain[name] = json.loads(str(plain[name] or "{}"))
    ledgers = ("forwards", "evaluations", "gradients", "examples", "flops", "seconds")
    return plain | {"meter": {name: plain[name] for name in ledgers}}
