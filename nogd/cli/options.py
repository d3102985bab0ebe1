"""The global options: which plugins to load, and how much to say when something fails."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

import click

from nogd.errors import InvalidSetting
from nogd.version import __version__

if TYPE_CHECKING:
    from nogd.plugins.settings import PluginSettings

WITH_VALUE = ("--plugin", "--no-plugin")
FLAGS = ("--no-plugins", "--debug", "--version")

IN_ONE_LINE = "Every command also takes --plugin, --no-plugin, --no-plugins and --debug: see 'nogd --help'."


def hoist(args: list[str], kept: Container[str] = ()) -> list[str]:
    """Put the global options first, wherever they stand before a "--"; raises click's error for a lost value.

    kept: options that the command declares for itself, which are its own where they stand behind its name.
    """
    mine, others = _parted(args, kept)
    return [*mine, *others]


def command_name(args: list[str]) -> str | None:
    """The command that these arguments call; None where they call none."""
    _, others = _parted(args)
    return others[0] if others and not others[0].startswith("-") else None


def _parted(args: list[str], kept: Container[str] = ()) -> tuple[list[str], list[str]]:
    """The global options with their values, and all else."""
    end = args.index("--") if "--" in args else len(args)
    mine: list[str] = []
    others: list[str] = []
    waiting = iter(args[:end])
    for word in waiting:
        option, equals, _ = word.partition("=")
        if others and option in kept:
            others.append(word)
        elif word in FLAGS or (option in WITH_VALUE and equals):
            mine.append(word)
        elif word in WITH_VALUE:
            mine += [word, _value(word, next(waiting, None))]
        else:
            others.append(word)
    return mine, [*others, *args[end:]]


def declared(command: click.Command, context: click.Context) -> set[str]:
    """All options of a command and its subcommands; the global ones too where it passes on what it does not know."""
    found = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    if command.ignore_unknown_options or command.context_settings.get("ignore_unknown_options"):
        found |= {*WITH_VALUE, *FLAGS}
    if isinstance(command, click.Group):
        inner = (command.get_command(context, name) for name in command.list_commands(context))
        found = found.union(*(declared(each, context) for each in inner if each is not None))
    return found


def _value(option: str, value: str | None) -> str:
    if value is None:
        raise click.BadOptionUsage(option, f"Option {option!r} requires an argument.")
    return value


def plugin_settings(context: click.Context) -> PluginSettings:
    """What the global options say about plugins; raises InvalidSetting where they contradict each other."""
    from nogd.plugins.settings import PluginSettings

    chosen = context.params
    if chosen.get("no_plugins") and chosen.get("plugin"):
        raise InvalidSetting("--no-plugins and --plugin contradict each other: leave one out.")
    return PluginSettings.from_environment(
        extra=tuple(chosen.get("plugin") or ()),
        blocked=tuple(chosen.get("no_plugin") or ()),
        thirdparty=not chosen.get("no_plugins"),
    )


@click.pass_context
def use_plugins(context: click.Context, /, **_options: object) -> None:
    """Make these plugins the process's own until the command ends."""
    from nogd.plugins.manager import configured

    context.with_resource(configured(plugin_settings(context)))


def _print_version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        click.echo(f"nogd {__version__}")
        context.exit()


# Eager, so that `--help` and `--version`, which end the command, know the options that were hoisted before them.
GLOBAL_OPTIONS = (
    click.Option(
        ["--plugin"],
        multiple=True,
        is_eager=True,
        type=click.Path(readable=False),  # of several in the variable each may have spaces
        metavar="PATH|MODULE",
        envvar="NOGD_PLUGIN",
        show_envvar=True,
        help="Also load this plugin: a .py file, a folder or a module.",
    ),
    click.Option(
        ["--no-plugin"],
        multiple=True,
        is_eager=True,
        metavar="NAME",
        help="Leave out a plugin or package (also: NOGD_BLOCK_PLUGINS=a,b).",
    ),
    click.Option(
        ["--no-plugins"],
        is_flag=True,
        is_eager=True,
        envvar="NOGD_NO_PLUGINS",
        show_envvar=True,
        help="Load only what is built in.",
    ),
    click.Option(
        ["--debug"],
        is_flag=True,
        is_eager=True,
        envvar="NOGD_DEBUG",
        show_envvar=True,
        help="Show the traceback if there is an error.",
    ),
    click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_version,
        help="Show the version and exit.",
    ),
)
