"""`nogd run`: compare learners on tasks."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nogd.cli import complete
from nogd.cli.fork_servers import fork_server_for
from nogd.cli.messages import INTERRUPTED
from nogd.cli.own_data import OwnData, own_data_options, print_own_task, with_own_data

if TYPE_CHECKING:
    from nogd.bench.experiment import Experiment
    from nogd.bench.forking import ForkServer
    from nogd.bench.run import Progress, Summary
    from nogd.scaffold.table_target import Wanted

EPILOG = """\b
Examples:
  nogd run --all
  nogd run -l adam,lr=0.003 -l grid-search+adam -t diabetes --repetitions 10
  nogd run --csv customers.csv --target churned
  nogd run --all --forwards 500 --set grid-search.points=20 --out quick
  nogd run experiment.toml --jobs 1 --watch
"""


@click.command(epilog=EPILOG)
@click.argument("experiment", metavar="[EXPERIMENT.toml]", required=False, type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="Every learner on every default task.")
@click.option(
    "-l",
    "--learner",
    "learners",
    multiple=True,
    shell_complete=complete.learners,
    help="A learner, such as adam,lr=0.01; a pattern, such as 'acme/*'; or tag:TAG for all with that tag."
    " May be repeated.",
)
@click.option(
    "-t",
    "--task",
    "tasks",
    multiple=True,
    shell_complete=complete.names_of("task"),
    help="A task, with settings if wanted (parity,bits=10); a pattern, such as 'breast-*'; or tag:TAG for all"
    " with that tag; tag:default: those of --all. May be repeated.",
)
@own_data_options
@click.option(
    "--print-task",
    is_flag=True,
    help="Print the task of --csv as a Python file, to be changed and given as --plugin; run nothing.",
)
@click.option(
    "--repetitions",
    type=int,
    help="Runs per learner and task, each with its own starting point and seed.  [default: 5]",
)
@click.option("--forwards", type=float, help="Budget in forwards; each task's own if no limit is given.")
@click.option("--evaluations", type=int, help="Budget in loss and gradient queries.")
@click.option("--seconds", type=float, help="Budget in seconds.")
@click.option("--iterations", type=int, help="Budget in the learner's own iterations.")
@click.option(
    "--jobs", type=int, help="Parallel runs; 0 = in this process.  [default: one per core that it may use]"
)
@click.option(
    "--executor",
    shell_complete=complete.names_of("executor"),
    help="Where runs are executed, such as inline or ray,address=auto.  [default: local]",
)
@click.option("--threads", type=int, help="Threads per run.  [default: 1]")
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="LEARNER.PARAM=VALUE",
    help="Set a hyper-parameter of a selected learner, or of one within a sequence. May be repeated.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("nogd-runs"), show_default=True, help="Folder."
)
@click.option(
    "--fresh", is_flag=True, help="Repeat finished runs; each old run stays until the new one has finished."
)
@click.option("--device", help="Where to compute, such as cuda.  [default: cpu]")
@click.option("--timeout", type=float, help="Seconds after which a run is killed.  [default: 300]")
@click.option(
    "--memory", type=float, help="GiB that a run may use.  [default: its share of 80 % of what nogd may use]"
)
@click.option(
    "--keep-thetas/--no-keep-thetas",
    default=None,
    help="Store the path of each run with at most 1,024 parameters, for a figure.  [default: yes]",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Keep DIR/watch.html up to date, with the progress and the results so far.",
)
@click.option(
    "--print-experiment", is_flag=True, help="Print the experiment as a TOML file, and run nothing."
)
def run(
    experiment: Path | None,
    everything: bool,
    learners: tuple[str, ...],
    tasks: tuple[str, ...],
    csv: Path | None,
    target: str | None,
    target_type: Wanted,
    print_task: bool,
    sets: tuple[str, ...],
    jobs: int | None,
    out: Path,
    fresh: bool,
    watch: bool,
    print_experiment: bool,
    **settings: Any,
) -> None:
    """Compare learners on tasks: make the missing runs, print the leaderboard, and write the report.

    With -l alone all default tasks are run, with -t or --csv alone all learners. Options override the file. Every
    finished run is stored at once; after an interruption the same command continues.
    """
    own = OwnData(csv, target, target_type)
    if print_task:
        print_own_task(own)
        return
    # Before anything heavy is imported here: both import side by side.
    forked = 0 if print_experiment else jobs
    with (
        fork_server_for(settings["executor"], forked, settings["threads"]) as fork_server,
        with_own_data(own, tasks, out) as chosen,
    ):
        with _importing():
            from nogd.cli.selection import select

        made = select(experiment, everything, learners, chosen, sets, settings)
        if print_experiment:
            from nogd.bench.run import prepare

            prepare(made, jobs)  # what a run refuses is refused here too
            click.echo(made.to_toml(), nl=False)
            return
        summary = _run(made, out, jobs, fresh, watch, fork_server)
        _report(out, summary.planned)
    if summary.failed:
        raise click.exceptions.Exit(1)


@contextmanager
def _importing() -> Iterator[None]:
    """Imports leave little garbage, and looking for it takes a tenth of their time."""
    looking = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looking:
            gc.enable()


def _run(
    experiment: Experiment,
    out: Path,
    jobs: int | None,
    fresh: bool,
    watch: bool,
    fork_server: ForkServer | None,
) -> Summary:
    from nogd.bench.run import execute
    from nogd.cli.ahead import Ahead

    try:
        with Ahead(_progress(out, watch)) as progress:
            return execute(
                experiment, out, jobs=jobs, fresh=fresh, progress=progress, fork_server=fork_server
            )
    except KeyboardInterrupt:
        same = "the same command without --fresh" if fresh else "the same command"
        told = f"\nInterrupted: finished runs are kept, and {same} continues from here."
        click.echo(told, err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None


def _progress(out: Path, watch: bool) -> Callable[[], Progress]:
    """What makes the one that shows how the run gets on."""
    if not watch:
        return _terminal
    from nogd.bench.watch import Watch
    from nogd.report.forms.watch import WatchPage

    page = WatchPage(out)
    click.echo(f"Watch it in {page.path}", err=True)
    return lambda: Watch(_terminal(), page)


def _terminal() -> Progress:
    from nogd.bench.progress import terminal

    return terminal()


def _report(out: Path, asked: Collection[str]) -> None:
    """The comparison of all that the folder holds by now, marked where this call asked for a part of it only."""
    with _importing():
        from nogd.report.forms.board_text import text_leaderboard
        from nogd.report.forms.update import update_report
        from nogd.report.results import load_results

    results = load_results(out)
    click.echo(text_leaderboard(results, asked=asked))
    click.echo(update_report(out, results))
