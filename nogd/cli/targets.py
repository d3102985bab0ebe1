"""`nogd targets`: the frozen yardsticks of tasks."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nogd.cli import complete

if TYPE_CHECKING:
    from nogd.problem.task import Task

EPILOG = """\b
Examples:
  nogd targets freeze -t my-task
  nogd targets freeze -t my-task --reference adam,lr=0.01 --repetitions 30
  nogd targets freeze --all --again
"""


@click.group()
def targets() -> None:
    """What scores and targets of a task are measured by: the frozen runs of a reference learner."""


@targets.command(epilog=EPILOG)
@click.option("--all", "everything", is_flag=True, help="Every registered task.")
@click.option(
    "-t",
    "--task",
    "tasks",
    multiple=True,
    shell_complete=complete.names_of("task"),
    help="A task, with settings if wanted (parity,bits=10). May be repeated.",
)
@click.option(
    "--reference",
    shell_complete=complete.learners,
    help="The reference learner.  [default: that of the built-in tasks]",
)
@click.option(
    "--repetitions", type=click.IntRange(min=5), default=15, show_default=True, help="Runs per task."
)
@click.option(
    "--again",
    is_flag=True,
    help="Freeze again what is frozen already; this changes all old scores and targets.",
)
@click.option(
    "--jobs", type=int, help="Parallel runs; 0 = in this process.  [default: one per core that it may use]"
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("nogd-targets"),
    show_default=True,
    help="Folder of the runs.",
)
def freeze(
    everything: bool,
    tasks: tuple[str, ...],
    reference: str | None,
    repetitions: int,
    again: bool,
    jobs: int | None,
    out: Path,
) -> None:
    """Run the reference learner on tasks, and freeze what it reaches.

    Its test metric becomes score 1, and the losses that it reaches after 0.1, 1, 10, 30 and 100 % of the task's budget
    become the targets. They are written into reference.json beside the file that defines the task, whose path is
    printed, and belong to the task's version: commit the file with the task. Every finished run is stored; after an
    interruption the same command continues.
    """
    from nogd.bench.freeze import file_of, freeze
    from nogd.bench.progress import terminal
    from nogd.problem.reference import write_entries

    chosen = _chosen(everything, tasks, again)
    files = {name: file_of(task) for name, task in chosen.items()}  # before hours of work, not after
    for learner, names in _references(chosen, reference).items():
        frozen = freeze(
            names, learner=learner, out=out, repetitions=repetitions, jobs=jobs, progress=terminal()
        )
        for path in dict.fromkeys(files[name] for name in names):
            write_entries(path, {name: frozen[name] for name in names if files[name] == path})
            click.echo(path)


def _chosen(everything: bool, names: tuple[str, ...], again: bool) -> dict[str, Task]:
    """The tasks to freeze; raises InvalidSetting where nothing is chosen, or all of it is frozen already."""
    from nogd.bench.task_names import all_tasks, tasks_of
    from nogd.errors import InvalidSetting, NogdWarning

    if everything == bool(names):
        raise InvalidSetting("give either tasks (-t) or --all.")
    found = all_tasks(only_default=False) if everything else tasks_of(dict.fromkeys(names))
    chosen = {each.name: each.task for each in found}
    known = [] if again else [name for name, task in chosen.items() if task.reference is not None]
    told = (
        f"frozen already: {', '.join(known)}; raise the version, or give --again, which moves all old scores."
    )
    if known and len(known) == len(chosen):
        raise InvalidSetting(told)
    if known:  # by the same command, when it was stopped
        warnings.warn(told, NogdWarning, stacklevel=2)
    return {name: task for name, task in chosen.items() if name not in known}


def _references(chosen: dict[str, Task], reference: str | None) -> dict[str, list[str]]:
    """Which reference learner measures which tasks."""
    from nogd.bench.experiment import comparison

    names = comparison()
    found: dict[str, list[str]] = {}
    for name, task in chosen.items():
        standard = names["reference" if task.has_gradient else "reference_without_gradient"]
        found.setdefault(reference or standard, []).append(name)
    return found
