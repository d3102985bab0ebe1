"""`nogd list`: what there is, by kind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from nogd.cli.table import table, terminal_width
from nogd.errors import did_you_mean

if TYPE_CHECKING:
    from nogd.plugins.manager import PluginInfo, Plugins
    from nogd.plugins.registry import Entry, Registry

KINDS = {  # what is asked for -> the kind of registry
    "learners": "learner",
    "tasks": "task",
    "datasets": "dataset",
    "plugins": "plugin",
    "executors": "executor",
    "figures": "figure",
    "losses": "loss",
    "metrics": "metric",
}


EXAMPLES = """\b
Examples:
  nogd list learners
  nogd list tasks --json
  nogd list plugins --traceback
"""


def _known(_context: click.Context, _option: click.Parameter, kind: str) -> str:
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS)
        raise click.BadParameter(f"nothing is listed as {kind!r}{hint} There are {', '.join(KINDS)}.")
    return kind


def _begun(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    return [kind for kind in KINDS if kind.startswith(typed)]


@click.command("list", epilog=EXAMPLES)
@click.argument("kind", callback=_known, shell_complete=_begun)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option(
    "--verbose",
    "--traceback",
    "verbose",
    is_flag=True,
    help="For plugins: which hooks each one implements, and why a broken one failed.",
)
def list_names(kind: str, as_json: bool, verbose: bool) -> None:
    """List what there is of a KIND: learners, tasks, datasets, plugins, executors, figures, losses or metrics."""
    from nogd.plugins.manager import plugins

    rows, text = _plugins(plugins(), verbose) if kind == "plugins" else _entries(plugins(), KINDS[kind])
    click.echo(json.dumps(rows, indent=2, ensure_ascii=False) if as_json else text)


_MORE = {"learner": ("access", "tags"), "task": ("tags",)}


def _entries(plugins: Plugins, kind: str) -> tuple[list[dict[str, Any]], str]:
    registry = plugins.registry(kind)
    entries = sorted(registry, key=lambda entry: (not entry.source.builtin, entry.name, entry.qualified_name))
    rows = [_as_row(entry, registry) for entry in entries]
    columns = ["name", "package", "version", *_MORE.get(kind, ()), "summary"]
    shown = [[_in_a_cell(row[column]) for column in columns] for row in rows]
    return rows, table([column.upper() for column in columns], shown, terminal_width())


def _in_a_cell(value: str | list[str] | None) -> str:
    return ", ".join(value) if isinstance(value, list) else value or ""


def _as_row(entry: Entry, registry: Registry) -> dict[str, Any]:
    return {
        "name": registry.shown_name(entry),
        "package": entry.source.package,
        "version": entry.source.version,
        "summary": entry.summary,
        "plugin": entry.source.plugin,
        "qualified_name": entry.qualified_name,
        **{name: getattr(entry, name) for name in _MORE.get(entry.kind, ())},
    }


def _plugins(plugins: Plugins, verbose: bool) -> tuple[list[dict[str, Any]], str]:
    plugins.ask_all()  # some breakage shows only when a hook is called
    infos = plugins.infos
    shown = [
        [info.name, info.status, info.source.package, info.source.version or "", *_origin(info)]
        for info in infos
    ]
    overview = table(
        ["NAME", "STATUS", "PACKAGE", "VERSION", "INSTALLED", "LOCATION"], shown, terminal_width()
    )
    notes = [note for info in infos for note in _notes(info, verbose)]
    return [_plugin_as_row(info) for info in infos], "\n\n".join([overview, *notes])


def _origin(info: PluginInfo) -> tuple[str, str]:
    """How a plugin came here and where its files are; a broken one may not know."""
    from nogd.plugins.distributions import files_of, how_it_came
    from nogd.plugins.isolation import Failure, attempt

    found = attempt(lambda: (how_it_came(info.source), files_of(info.source) or ""))
    return ("unknown", "") if isinstance(found, Failure) else found


def _plugin_as_row(info: PluginInfo) -> dict[str, Any]:
    installed, location = _origin(info)
    return {
        "name": info.name,
        "status": info.status,
        "package": info.source.package,
        "distribution": info.source.distribution,
        "version": info.source.version,
        "entry_point": info.source.entry_point,
        "installed": installed,
        "location": location or None,
        "hooks": info.hooks,
        "error": info.error or None,
        "traceback": info.traceback or None,
    }


def _notes(info: PluginInfo, verbose: bool) -> list[str]:
    """What there is to say about a plugin beside its row."""
    about = _details(info) if verbose else []
    if not info.error and not about:
        return []
    title = f"{info.name} is broken: {info.error}" if info.error else f"{info.name}:"
    trace = [info.traceback.rstrip()] if verbose and info.traceback else []
    return ["\n".join([title, *about, *trace])]


def _details(info: PluginInfo) -> list[str]:
    named = [("entry point", info.source.entry_point), ("hooks", ", ".join(info.hooks))]
    return [f"  {name}: {value}" for name, value in named if value]
