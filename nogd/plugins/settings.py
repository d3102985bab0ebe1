"""Which plugins a process loads."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class PluginSettings:
    """Which plugins to load; picklable, so that workers load the same.

    extra: files, folders or modules beyond the installed ones (paths are made absolute); blocked: names of
    plugins, entry points or distributions that stay out; thirdparty: False leaves out all that are installed.
    """

    extra: tuple[str, ...] = ()
    blocked: frozenset[str] = frozenset()
    thirdparty: bool = True

    def __post_init__(self) -> None:
        if self.extra:
            from nogd.plugins.by_path import absolute

            object.__setattr__(self, "extra", tuple(absolute(given) for given in self.extra))

    @classmethod
    def from_environment(
        cls, extra: tuple[str, ...] = (), blocked: tuple[str, ...] = (), thirdparty: bool = True
    ) -> PluginSettings:
        """These settings, with what the variable NOGD_BLOCK_PLUGINS ("a,b") blocks besides."""
        named = (name.strip() for name in os.environ.get("NOGD_BLOCK_PLUGINS", "").split(","))
        return cls(extra, frozenset(blocked).union(filter(None, named)), thirdparty)
