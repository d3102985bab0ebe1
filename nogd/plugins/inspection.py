"""What a registered plugin says that cannot be meant: hooks that will never be called."""

from __future__ import annotations

from collections.abc import Iterator

import pluggy

from nogd import hookspecs
from nogd.errors import did_you_mean


def implemented(manager: pluggy.PluginManager, plugin: object) -> list[str]:
    """Names of nogd's hooks that a registered plugin implements."""
    return [caller.name for caller in manager.get_hookcallers(plugin) or [] if caller.has_spec()]


def complaints(manager: pluggy.PluginManager, plugin: object) -> Iterator[str]:
    """What is wrong with a registered plugin: hooks that are misspelt, not marked, or made to wrap others."""
    callers = manager.get_hookcallers(plugin) or []
    for caller in callers:
        mine = [each for each in caller.get_hookimpls() if each.plugin is plugin]
        if caller.has_spec():
            if any(each.wrapper or each.hookwrapper for each in mine):
                yield f"{caller.name} is a wrapper, and nogd calls every plugin by itself"
        elif not all(each.optionalhook for each in mine):
            yield f"nogd has no hook named {caller.name!r}{did_you_mean(caller.name, _known_hooks())}"
    unmarked = _unmarked(plugin)
    for name in unmarked:
        yield f"{name} lacks the decorator @hookimpl (from nogd.hookspecs)"
    if not callers and not unmarked:
        yield "it has no function marked with @hookimpl (see nogd.hookspecs)"


def _known_hooks() -> list[str]:
    return [name for name in vars(hookspecs) if name.startswith("nogd_")]


def _unmarked(plugin: object) -> list[str]:
    """Names of functions that would be hooks if they were marked."""
    attributes = vars(plugin) if hasattr(plugin, "__dict__") else {}
    return [
        name
        for name in _known_hooks()
        if callable(attributes.get(name))
        and not hasattr(attributes[name], "nogd_impl")
        and not hasattr(attributes[name], "nogd_spec")
    ]
