"""Where plugins are found: built in, installed (entry points), or given by path or module name."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from nogd.plugins.registry import Source
from nogd.version import __version__

GROUP = "nogd"
COMMANDS = "nogd.commands"

BUILTIN = ("nogd.learners", "nogd.tasks", "nogd.engine", "nogd.bench", "nogd.report")


@dataclass(frozen=True)
class Found:
    """A plugin that was found but not imported yet.

    name: the entry point's name, or what it was given as; load: imports it and returns the object to
    register, or raises what is wrong with it; target: the entry point's "package.module:attribute".
    """

    name: str
    source: Source
    load: Callable[[], object]
    target: str = ""

    def is_called(self, name: str) -> bool:
        """Whether a user who blocks `name` means this plugin."""
        own = (self.name, self.source.plugin, self.source.distribution, self.source.location)
        return normalised(name) in {normalised(text) for text in own if text}

    def renamed(self, plugin: str) -> Found:
        """The same plugin under another unique name."""
        return replace(self, source=replace(self.source, plugin=plugin))


class BrokenDistribution(Exception):
    """A distribution that is installed in part only."""


def normalised(name: str) -> str:
    """A name as package indexes compare them: case, dots, dashes and underscores make no difference."""
    return re.sub(r"[-_.]+", "-", name).lower()


def builtin_plugins() -> Iterator[Found]:
    """nogd's own modules, which are registered like anybody's."""
    for module in BUILTIN:
        source = Source(module, "nogd", __version__, builtin=True)
        yield Found(module, source, partial(importlib.import_module, module))


def installed_plugins(group: str = GROUP) -> list[Found]:
    """The entry points of a group, sorted by distribution; one half-gone distribution costs only itself.

    The first distribution of a name on sys.path wins, as it does for imports.
    """
    found: list[Found] = []
    seen: set[str] = set()
    for distribution in importlib.metadata.distributions():
        try:
            text = distribution.read_text("entry_points.txt") or ""
        except Exception as error:  # whatever is wrong with it costs only itself
            found.append(_unreadable(distribution, error))
            continue
        if GROUP in text:  # a cheap test: most distributions end here, without a look at their metadata
            found += _plugins_of(distribution, group, seen)
    return sorted(found, key=lambda plugin: (plugin.source.package, plugin.name))


def _plugins_of(distribution: importlib.metadata.Distribution, group: str, seen: set[str]) -> Iterator[Found]:
    """The plugins that one distribution offers in a group; none where another one of its name came first."""
    try:
        points = [point for point in distribution.entry_points if point.group == group]
        name = _name(distribution)
        version = distribution.version
    except Exception as error:  # whatever is wrong with it costs only itself
        if f"[{group}]" in (distribution.read_text("entry_points.txt") or ""):
            yield _unreadable(distribution, error)
        return
    if normalised(name) in seen or not points:
        return
    seen.add(normalised(name))
    if _is_shadowed(distribution, name):
        return
    for point in points:
        source = Source(point.name, name, version, f"{point.name} = {point.value}")
        yield Found(point.name, source, point.load, point.value)


def _name(distribution: importlib.metadata.Distribution) -> str:
    metadata = distribution.metadata
    name = metadata["Name"] if metadata and "Name" in metadata else None
    if not name:
        raise BrokenDistribution("its METADATA is missing or names no package; install it again")
    return name


def _is_shadowed(distribution: importlib.metadata.Distribution, name: str) -> bool:
    """Whether another folder, earlier on sys.path, holds a distribution of that name."""
    try:
        first = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False  # older tools name its folder in ways that are not looked up
    return str(first.locate_file("")) != str(distribution.locate_file(""))


def _unreadable(distribution: importlib.metadata.Distribution, error: Exception) -> Found:
    """A distribution that cannot say what it offers: loading it raises why."""
    folder = str(getattr(distribution, "_path", distribution.locate_file("")))
    name, _, rest = folder.replace("\\", "/").rpartition("/")[2].partition("-")
    version = rest.removesuffix(".dist-info").removesuffix(".egg-info") or None

    def load() -> object:
        raise BrokenDistribution(f"{folder} is half gone ({error}); install {name} again") from error

    return Found(name, Source(name, name, version, None), load)
