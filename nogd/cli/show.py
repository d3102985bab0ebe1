"""`nogd show`: all about one name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from nogd.cli import complete
from nogd.cli.table import terminal_width
from nogd.plugins.registry import KINDS

if TYPE_CHECKING:
    from nogd.plugins.manager import Plugins
    from nogd.plugins.registry import Entry


EXAMPLES = """\b
Examples:
  nogd show grid-search
  nogd show breast-cancer
  nogd show some-package/adam --json
"""


@click.command(epilog=EXAMPLES)
@click.argument("name", shell_complete=complete.names_of(*KINDS))
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON array: one object per kind that has NAME."
)
def show(name: str, as_json: bool) -> None:
    """Describe NAME: a learner, task, data set, figure, executor, loss or metric.

    For a learner: hyper-parameters (type, default, range, meaning), source, package. For a task: data, sizes, network,
    loss, metric, budget, and why it exists. For an executor: its settings.
    """
    from nogd.cli.description import describe
    from nogd.plugins.manager import plugins

    described = [describe(entry) for entry in find_all(plugins(), name)]
    if as_json:
        found = [each.as_dict() for each in described]
        click.echo(json.dumps(found, indent=2, ensure_ascii=False, default=str))
    else:
        click.echo("\n\n".join(each.as_text(terminal_width()) for each in described))


def find_all(plugins: Plugins, name: str) -> list[Entry]:
    """What has that name, of whatever kind; raises UnknownName with the nearest name of any kind."""
    from nogd.errors import UnknownName, did_you_mean

    registries = [plugins.registry(kind) for kind in KINDS]
    found = [registry.find(name) for registry in registries if name in registry]
    if not found:
        hint = did_you_mean(name, [known for registry in registries for known in registry.names()])
        raise UnknownName(
            f"Nothing is named {name!r}{hint} 'nogd list learners' shows names, 'nogd list tasks' others."
        )
    return found
