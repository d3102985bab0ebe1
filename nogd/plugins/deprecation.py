"""What is called otherwise now: an old name goes on working for a while, with a warning that says what to write."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from nogd.errors import PluginWarning
from nogd.plugins.registry import Source

RENAMED_HOOKS: Mapping[str, str] = {}
"""Old name -> new name of hooks. An implementation under the old name is called as one of the new name."""


def deprecated(old: str, new: str, source: Source) -> None:
    """Warn that a plugin uses an old name."""
    warnings.warn(
        f"The plugin {source.plugin!r} of {source.describe()} uses {old}, which is called {new} now: the old name "
        f"will go in a later release of nogd.",
        PluginWarning,
        stacklevel=2,
    )


def adopt_renamed_hooks(plugin: object, source: Source) -> None:
    """Let pluggy take implementations of hooks under their old names for those of the new ones, with a warning."""
    for old, new in RENAMED_HOOKS.items():
        options = getattr(getattr(plugin, old, None), "nogd_impl", None)
        if options is not None:
            options["specname"] = new
            deprecated(old, new, source)
