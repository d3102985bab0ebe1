"""The main group: knows its commands by name, and imports one when it is called."""

from __future__ import annotations

import importlib
from collections.abc import Container, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from nogd.cli.messages import nothing_of_caches, readers_may_leave, shown_to_users, warnings_in_one_line
from nogd.cli.options import IN_ONE_LINE, command_name, declared, hoist, plugin_settings
from nogd.errors import PluginError, UnknownName, did_you_mean

if TYPE_CHECKING:
    from nogd.plugins.registry import Entry, Registry


class LazyGroup(click.Group):
    """A group with a table of its own commands, and those of the entry-point group `nogd.commands`."""

    def __init__(self, name: str, *, static: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        """static: name -> ("package.module:attribute", short help)."""
        super().__init__(name, **settings)
        self.static = static

    def main(self, *args: Any, **settings: Any) -> Any:
        """As click's, with warnings in one line, and to the end whether or not somebody reads what it prints."""
        with readers_may_leave(), warnings_in_one_line(), nothing_of_caches():
            return super().main(*args, **settings)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, with the global options taken from wherever they stand."""
        with shown_to_users(ctx):
            return super().parse_args(ctx, hoist(args, self._own_words(args)))

    def _own_words(self, args: list[str]) -> Container[str]:
        """Global options that the plugin's command in these arguments declares for itself."""
        name = command_name(args)
        if name is None or name in self.static:
            return ()
        probe = click.Context(self, resilient_parsing=True)  # in which no option has an effect
        super().parse_args(probe, hoist(args))
        command = self.get_command(probe, name)
        return () if command is None else declared(command, probe)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's, with errors that are meant for users in one line."""
        with shown_to_users(ctx):
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Built-in names in the order of the table, then those of plugins."""
        return self.registry(ctx).names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None where there is none."""
        if cmd_name in self.static:
            module, _, attribute = self.static[cmd_name][0].partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return _with_reminder(command)
        try:
            entry = self.registry(ctx).find(cmd_name)
        except UnknownName:
            return None
        return _with_reminder(_command(entry))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest name in the error."""
        name = args[0]
        if not name.startswith("-") and not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            hint = did_you_mean(name, self.list_commands(ctx))
            raise click.UsageError(f"No command is named {name!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Two lists: what is built in, and what plugins add, with the package that does."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.static.items()])
        known = self.registry(ctx)
        rows = [(known.shown_name(entry), _from(entry)) for entry in known if not entry.source.builtin]
        if rows:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(rows)

    def registry(self, ctx: click.Context) -> Registry:
        """All commands, those of plugins not imported yet; a plugin's twin of a built-in one is warned about."""
        from nogd.plugins.registry import Registry, warn_of_twins

        known = Registry("command", [*self._own_entries(), *_added_commands(ctx)])
        warn_of_twins(known)
        return known

    def _own_entries(self) -> Iterator[Entry]:
        from nogd.plugins.registry import Entry, Lazy, Source

        nogd = Source("nogd.cli", "nogd", builtin=True)
        for name, (target, summary) in self.static.items():
            yield Entry("command", name, summary, nogd, Lazy(name, target, summary))


def _added_commands(ctx: click.Context) -> list[Entry]:
    from nogd.plugins.discovery import COMMANDS, installed_plugins
    from nogd.plugins.registry import Entry, Lazy

    settings = plugin_settings(ctx)
    if not settings.thirdparty:
        return []
    return [
        Entry("command", found.name, "", found.source, Lazy(found.name, found.target))
        for found in installed_plugins(COMMANDS)
        if found.target and not any(found.is_called(name) for name in settings.blocked)
    ]


def _command(entry: Entry) -> click.Command:
    loaded = entry.load()
    if not isinstance(loaded, click.Command):
        raise PluginError(
            f"The command {entry.name!r} of {entry.source.describe()} is a {type(loaded).__name__}, "
            "not a click command."
        )
    return loaded


def _from(entry: Entry) -> str:
    return " ".join(filter(None, ["from", entry.source.package, entry.source.version]))


def _with_reminder(command: click.Command) -> click.Command:
    """The command, whose help ends with a line on the global options."""
    if IN_ONE_LINE not in (command.epilog or ""):
        command.epilog = f"{command.epilog}\n\n{IN_ONE_LINE}" if command.epilog else IN_ONE_LINE
    return command
