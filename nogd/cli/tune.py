"""`nogd tune`: search a learner's hyper-parameters."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nogd.cli import complete
from nogd.cli.messages import INTERRUPTED
from nogd.cli.own_data import OwnData, own_data_options, with_own_data

if TYPE_CHECKING:
    from nogd.bench.experiment import Experiment
    from nogd.scaffold.table_target import Wanted
    from nogd.training.learner import Learner
    from nogd.tuning.dimension import Dimension
    from nogd.tuning.search import Sampler, Search, Trial

EPILOG = """\b
Examples:
  nogd tune adam -t diabetes
  nogd tune gauss-newton -t digits -t wine --trials 50 --only probes,radius
  nogd tune adam,beta1=0.9 --csv customers.csv --target churned --range lr=1e-4:1
"""


@click.command(epilog=EPILOG)
@click.argument("learner", shell_complete=complete.learners)
@click.option(
    "-t",
    "--task",
    "tasks",
    multiple=True,
    shell_complete=complete.names_of("task"),
    help="A task with validation data, as in 'nogd run'. May be repeated.",
)
@own_data_options
@click.option("--trials", type=click.IntRange(min=1), default=30, show_default=True, help="Settings to try.")
@click.option(
    "--repetitions",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Runs per trial and task, from other starting points.",
)
@click.option("--forwards", type=float, help="Budget of a run in forwards; each task's own if not given.")
@click.option("--only", metavar="NAME,NAME", help="Search these hyper-parameters alone.")
@click.option(
    "--range",
    "ranges",
    multiple=True,
    metavar="NAME=LOW:HIGH",
    help="Search this hyper-parameter between these limits. May be repeated.",
)
@click.option(
    "--sampler",
    type=click.Choice(["tpe", "gp", "random"]),
    default="tpe",
    show_default=True,
    help="Optuna's sampler.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same trials.")
@click.option(
    "--jobs", type=int, help="Parallel runs; 0 = in this process.  [default: one per core that it may use]"
)
@click.option(
    "--timeout",
    type=float,
    default=300.0,
    show_default=True,
    help="Seconds after which a run is killed.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("nogd-tune"),
    show_default=True,
    help="Folder of runs and study.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all trials as one JSON object.")
def tune(
    learner: str,
    tasks: tuple[str, ...],
    csv: Path | None,
    target: str | None,
    target_type: Wanted,
    trials: int,
    repetitions: int,
    forwards: float | None,
    only: str | None,
    ranges: tuple[str, ...],
    sampler: Sampler,
    seed: int,
    jobs: int | None,
    timeout: float,
    out: Path,
    as_json: bool,
) -> None:
    """Search hyper-parameters of LEARNER, and print the best as its last line, as 'nogd run -l' takes it.

    A trial is judged by the loss on validation data at the end of its runs, never on test data: as a share of the loss
    at the start, and the mean over repetitions and tasks. A failed run counts as 10. The first trial has the defaults.
    What is given in LEARNER stays as it is. Finished trials are kept, and the same command goes on from them, also with
    more --trials. A page in the folder, named on standard error, shows which hyper-parameters mattered and where the
    best trials lie. Needs the extra nogd[tune].
    """
    with with_own_data(OwnData(csv, target, target_type), tasks, out) as chosen:
        from nogd.training.names import build
        from nogd.tuning.search import Search

        experiment = _experiment(chosen, budget=forwards, repetitions=repetitions, timeout=timeout)
        made = build(learner)
        space = _space(made, only, ranges)
        search = Search(made, space, experiment, out, seed, sampler)
        done = _done(search, trials, jobs)
        click.echo(f"Page: {_page(search, done)}", err=True)
    best = min(done, key=lambda trial: trial.worth.value)
    if as_json:
        click.echo(json.dumps(_facts(done, best), indent=2, ensure_ascii=False))
        return
    click.echo(_table(done))
    click.echo(_summary(done, best))
    click.echo(best.use)


def _experiment(tasks: tuple[str, ...], **settings: Any) -> Experiment:
    """What each trial runs, but for the learner."""
    from nogd.bench.experiment import make_experiment
    from nogd.errors import InvalidSetting

    if not tasks:
        raise InvalidSetting("say on which task to judge: -t TASK, or a table of your own by --csv FILE.")
    return make_experiment(None, tasks=tasks, keep_thetas=False, **settings)


def _space(learner: Learner, only: str | None, ranges: tuple[str, ...]) -> list[Dimension]:
    """The ranges that are searched, told on standard error."""
    from nogd.cli.table import table, terminal_width
    from nogd.tuning.space import parsed_range, search_space

    names = [name.strip().replace("-", "_") for name in only.split(",")] if only else []
    space = search_space(learner, names, dict(map(parsed_range, ranges)))
    rows = [[each.name, each.told] for each in space]
    click.echo(table(["SEARCHED", "WHERE"], rows, terminal_width()), err=True)
    return space


def _done(search: Search, count: int, jobs: int | None) -> list[Trial]:
    """All trials, told on standard error as they end."""
    done: list[Trial] = []
    started = time.monotonic()
    try:
        for trial in search.trials(count, jobs, _tell_kept):
            done.append(trial)
            best = min(done, key=lambda each: each.worth.value)
            told = f"trial {trial.number} of {count}: {trial.worth.value:.4g} by {trial.use}"
            ahead = "" if best is trial else f" (best: {best.worth.value:.4g} by trial {best.number})"
            click.echo(f"{told}{ahead}, {time.monotonic() - started:.0f} s", err=True)
    except KeyboardInterrupt:
        click.echo(
            "\nInterrupted: finished trials are kept, and the same command continues from here.", err=True
        )
        raise click.exceptions.Exit(INTERRUPTED) from None
    return done


def _page(search: Search, done: Sequence[Trial]) -> Path:
    from nogd.tuning.page import write_page

    return write_page(done, search.space, search.subject, search.page)


def _tell_kept(count: int) -> None:
    if count:
        click.echo(f"{count} trials are kept from before.", err=True)


def _table(done: Sequence[Trial]) -> str:
    from nogd.cli.table import table, terminal_width

    names = list(done[0].settings)
    rows = [
        [
            str(trial.number),
            f"{trial.worth.value:.4g}",
            f"{trial.worth.forwards:,.0f}",
            str(trial.worth.failed),
            *(_value(trial.settings[name]) for name in names),
        ]
        for trial in done
    ]
    return table(["TRIAL", "VALIDATION", "FORWARDS", "FAILED", *names], rows, terminal_width())


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def _summary(done: Sequence[Trial], best: Trial) -> str:
    spent, failed = sum(trial.worth.forwards for trial in done), sum(trial.worth.failed for trial in done)
    lines = [
        "",
        "Validation: loss on validation data, 1 = as at the start, 0 = none left; mean over repetitions and tasks.",
        f"{len(done)} trials, {spent:,.0f} forwards" + (f", {failed} runs failed" if failed else "") + ".",
        f"Best: trial {best.number} with {best.worth.value:.4g}; trial 1 came to {done[0].worth.value:.4g}.",
    ]
    reasons = list(dict.fromkeys(reason for trial in done for reason in trial.worth.reasons))[:3]
    return "\n".join([*lines, *(f"Failed: {reason}" for reason in reasons), ""])


def _facts(done: Sequence[Trial], best: Trial) -> dict[str, Any]:
    return {
        "use": best.use,
        "best": best.number,
        "forwards": sum(trial.worth.forwards for trial in done),
        "trials": [
            {"trial": trial.number, "use": trial.use, "settings": dict(trial.settings), **vars(trial.worth)}
            for trial in done
        ],
    }
