"""Options of commands that take a table of the user's own as a task, and what becomes of it: a plugin in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nogd.errors import InvalidSetting

if TYPE_CHECKING:
    from nogd.scaffold.table_target import Wanted
    from nogd.scaffold.table_task import TableTask


@dataclass(frozen=True)
class OwnData:
    """The table that a command was given; `file` is None where there is none."""

    file: Path | None
    target: str | None
    target_type: Wanted

    def __post_init__(self) -> None:
        if self.file is None and (self.target is not None or self.target_type != "auto"):
            raise InvalidSetting("--target belongs to a table of your own: give its file too, by --csv FILE.")


_OPTIONS = (
    click.option(
        "--csv",
        "--data",
        "csv",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A table of your own as the task: CSV, or Parquet by its suffix.",
    ),
    click.option("--target", metavar="COLUMN", help="The column of --csv that is learnt from the others."),
    click.option(
        "--target-type",
        type=click.Choice(["auto", "classes", "number"]),
        default="auto",
        show_default=True,
        help="Whether it is a class or a number, where that cannot be seen.",
    ),
)


def made_task(own: OwnData) -> TableTask:
    """The task of a table, with what was understood of it on standard error. Raises DataError."""
    from nogd.cli.table import table, terminal_width
    from nogd.scaffold.table_task import table_task, told

    assert own.file is not None
    made = table_task(own.file, own.target, own.target_type)
    [(heading, text), *others] = told(made)
    click.echo(table((heading, text), others, min(terminal_width(), 100)), err=True)
    return made


def own_data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command's function with the options that make an OwnData."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def print_own_task(own: OwnData) -> None:
    """Write the file of the table's task on standard output."""
    if own.file is None:
        raise InvalidSetting(
            "--print-task prints the task of a table of your own: give its file by --csv FILE."
        )
    click.echo(made_task(own).as_python(), nl=False)


@contextmanager
def with_own_data(own: OwnData, tasks: tuple[str, ...], out: Path) -> Iterator[tuple[str, ...]]:
    """The tasks, and that of the user's own table, which is a plugin as long as this lasts.

    The same table makes the same file, so that what was run once is not run again.
    """
    if own.file is None:
        yield tasks
        return
    from nogd.bench.rerun import OWN_TASKS
    from nogd.plugins.manager import configured, plugins

    made = made_task(own)
    path = _written(made, out / OWN_TASKS)
    settings = plugins().settings
    with configured(replace(settings, extra=(*settings.extra, str(path)))) as loaded:
        own_entries = [entry for entry in loaded.tasks if entry.source.location == str(path.absolute())]
        yield (*tasks, *map(loaded.tasks.shown_name, own_entries))


def _written(task: TableTask, folder: Path) -> Path:
    from nogd.atomic_write import atomic_write
    from nogd.errors import StoreError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error.strerror or error}.") from error
    path = folder / f"{task.name.replace('-', '_')}.py"
    text = task.as_python()
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        atomic_write(path, text)
    return path
