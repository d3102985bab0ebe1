"""`nogd new`: a plugin package to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nogd.cli.group import LazyGroup

if TYPE_CHECKING:
    from nogd.plugins.registry import Registry
    from nogd.scaffold.package import Kind

_FIRST_USE = {
    "learner": "nogd run -l {name} -l adam",
    "task": "nogd run -t {name}",
    "figure": "nogd run -l random-search -l adam -t iris",
    "executor": "nogd run -l adam -t iris --executor {name}",
    "command": "nogd {name} --help",
}
_DRAWN = ("learner", "task", "figure")

EXAMPLES = """\b
Examples:
  nogd new learner coin-toss
  nogd new task two-moons --dir ~/work --license Apache-2.0
  nogd new executor big-machine
"""


@click.command(epilog=EXAMPLES)
@click.argument("kind", type=click.Choice(["learner", "task", "figure", "executor", "command"]))
@click.argument("name")
@click.option(
    "--dir",
    "parent",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where to put the new folder, nogd-NAME.  [default: here]",
)
@click.option(
    "--license",
    "licence",
    type=click.Choice(["MIT", "BSD-3-Clause", "Apache-2.0"]),
    default="MIT",
    show_default=True,
    help="The licence of the package.",
)
@click.option("--author", help="Copyright holder.  [default: git's user.name]")
def new(kind: Kind, name: str, parent: Path, licence: str, author: str | None) -> None:
    """Make a package with a small KIND called NAME that works as it is: install, change, test and publish it.

    It has an entry point, tests of nogd's rules, a README with a picture to draw, tox.ini, a file for continuous
    integration, and a licence. Needs the extra nogd[new].
    """
    from nogd.scaffold.package import new_package

    _refuse_taken(kind, name)
    folder = new_package(kind, name, parent, licence=licence, author=author)
    steps = [
        f"cd {folder}",
        "pip install -e . pytest",
        "pytest                        # nogd's rules, and a test of its own",
        _FIRST_USE[kind].format(name=name),
        *(["python make_report.py         # the README's picture"] if kind in _DRAWN else []),
    ]
    click.echo(f"Made {folder}. Next:\n\n" + "\n".join(f"  {step}" for step in steps))


def _refuse_taken(kind: Kind, name: str) -> None:
    """A name that is in use here already would have to be written with its package for ever."""
    from nogd.errors import InvalidSetting

    registry = _registry(kind)
    if name in registry:
        owner = registry.find(name).source.describe()
        raise InvalidSetting(f"There is a {kind} {name!r} already, in {owner}: choose another name.")


def _registry(kind: Kind) -> Registry:
    if kind == "command":
        root = click.get_current_context().find_root()
        assert isinstance(root.command, LazyGroup)
        return root.command.registry(root)
    from nogd.plugins.manager import plugins

    return plugins().registry(kind)
