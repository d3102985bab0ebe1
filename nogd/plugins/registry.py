"""What plugins offer, found by name: nothing is imported before it is asked for."""

from __future__ import annotations

import importlib
import inspect
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nogd.errors import AmbiguousName, NogdWarning, PluginError, PluginWarning, UnknownName, did_you_mean
from nogd.plugins.access import ACCESS, strongest
from nogd.plugins.isolation import Failure, attempt

KINDS = {  # kind -> (what `nogd list` calls them, the hook that gives them)
    "learner": ("learners", "nogd_learners"),
    "task": ("tasks", "nogd_tasks"),
    "dataset": ("datasets", "nogd_datasets"),
    "figure": ("figures", "nogd_figures"),
    "executor": ("executors", "nogd_executors"),
    "loss": ("losses", "nogd_losses"),
    "metric": ("metrics", "nogd_metrics"),
}

# "grid-search,points=20+hybrid(a; b)" is read by these signs, so that no name may hold them.
_NOT_IN_NAMES = re.compile(r"[\s,+=();'\"]")


@dataclass(frozen=True)
class Lazy:
    """Something that is imported when it is used: `Lazy("adam", "nogd.learners.adam:Adam", "Adam's rule")`.

    :param name: what users write.
    :param target: "package.module:Attribute".
    :param summary: one line for lists.
    :param tags: for a learner or task, the tags of the class, so that lists need not import it.
    :param access: for a learner, its `Learner.access`, for the same reason.
    :raises ValueError: for an unknown access.
    """

    name: str
    target: str
    summary: str = ""
    tags: Collection[str] = ()
    access: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tags", frozenset(self.tags))
        if self.access and self.access not in ACCESS:
            raise ValueError(f"the access {self.access!r} is none of {', '.join(ACCESS)}")

    def load(self) -> Any:
        """Import the module and return the attribute; raises whatever the import raises."""
        module, colon, attribute = self.target.partition(":")
        if not (module and colon and attribute):
            raise ValueError(f"the target {self.target!r} is not of the form 'package.module:Attribute'")
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        return found


@dataclass(frozen=True)
class Source:
    """Where something came from: a plugin, and the distribution and entry point that named it.

    location: the file or folder of a plugin that lives outside of site-packages (given by path, or an
    editable install); None for an ordinary install.
    """

    plugin: str
    distribution: str | None = None
    version: str | None = None
    entry_point: str | None = None
    location: str | None = None
    builtin: bool = False

    @property
    def package(self) -> str:
        """What stands before the slash in a qualified name."""
        return self.distribution or self.plugin

    def describe(self) -> str:
        """For messages: "nogd-local 1.2 (entry point local = nogd_local)"."""
        parts = [self.package, *filter(None, [self.version])]
        if self.entry_point:
            parts.append(f"(entry point {self.entry_point})")
        elif self.location:
            parts.append(f"({self.location})")
        return " ".join(parts)


@dataclass(frozen=True)
class Entry:
    """One name in a registry.

    target: what the plugin handed over: a class, an object, or a `Lazy` that stands for one.
    """

    kind: str
    name: str
    summary: str
    source: Source
    target: object = field(compare=False)

    @property
    def qualified_name(self) -> str:
        """The name that stays clear when two packages claim the bare one: "package/name"."""
        return f"{self.source.package}/{self.name}"

    @property
    def tags(self) -> list[str]:
        """The families that it says it belongs to, without importing it."""
        tags = getattr(self.target, "tags", ())
        return sorted(tags) if isinstance(tags, set | frozenset | tuple | list) else []

    @property
    def access(self) -> str:
        """The strongest access that a learner says it uses, without importing it; "" where that is not known."""
        if isinstance(self.target, Lazy):
            return self.target.access
        if self.kind != "learner":
            return ""
        return strongest([*getattr(self.target, "needs", ()), *getattr(self.target, "uses", ())])

    def load(self) -> Any:
        """The class or object itself; raises PluginError, naming the plugin, where its import fails."""
        if not isinstance(self.target, Lazy):
            return self.target
        loaded = attempt(self.target.load, quiet=True)
        if isinstance(loaded, Failure):
            raise PluginError(
                f"The {self.kind} {self.name!r} of {self.source.describe()} cannot be imported "
                f"from {self.target.target}: {loaded.cause}"
            ) from loaded.error
        self._check_name(loaded)
        return loaded

    def _check_name(self, loaded: object) -> None:
        """A class under another name than its own would be stored under one and asked for under the other."""
        own = getattr(loaded, "name", self.name)
        if self.kind in KINDS and isinstance(own, str) and own != self.name:
            raise PluginError(
                f"{self.source.describe()} registers the {self.kind} {self.name!r}, "
                f"which calls itself {own!r}: the two names must be the same."
            )


class Registry:
    """All that plugins offer of one kind, in the order of registration.

    A built-in keeps its bare name for ever: a plugin's twin of it is found as "package/name". Two plugins may claim one
    name, which is an error only where somebody asks for it.
    """

    def __init__(self, kind: str, entries: Iterable[Entry] = ()) -> None:
        """kind: one of `KINDS`."""
        self.kind = kind
        self._entries = list(entries)
        self._by_name = _grouped(self._entries, lambda entry: entry.name)
        self._by_qualified_name = _grouped(self._entries, lambda entry: entry.qualified_name)

    def find(self, name: str) -> Entry:
        """The entry of that name, bare or "package/name"; raises UnknownName or AmbiguousName."""
        match self._by_name.get(name) or self._by_qualified_name.get(name, []):
            case [entry]:
                return entry
            case []:
                raise UnknownName(self._unknown(name))
            case entries:
                raise AmbiguousName(self._ambiguous(name, entries))

    def offering(self, thing: object) -> Entry | None:
        """The entry by which a plugin offers a class, or an object of it; None where nobody does."""
        named = (entry for entry in self._entries if entry.name == getattr(thing, "name", None))
        return next((entry for entry in named if thing in (loaded := entry.load(), type(loaded))), None)

    def names(self) -> list[str]:
        """Names that `find` takes: bare for built-ins and where one package claims it, else "package/name"."""
        return [self.shown_name(entry) for entry in self._entries]

    def shown_name(self, entry: Entry) -> str:
        """The shortest name that finds this entry."""
        return entry.name if self._by_name[entry.name] == [entry] else entry.qualified_name

    def twins(self) -> list[Entry]:
        """Plugins' entries that a built-in of the same name leaves their qualified name only."""
        return [entry for entry in self._entries if entry not in self._by_name[entry.name]]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name or name in self._by_qualified_name

    def _unknown(self, name: str) -> str:
        plural = KINDS[self.kind][0] if self.kind in KINDS else f"{self.kind}s"
        hint = did_you_mean(name, [*self._by_name, *self._by_qualified_name])
        return f"No {self.kind} is named {name!r}{hint} 'nogd list {plural}' shows all."

    def _ambiguous(self, name: str, entries: list[Entry]) -> str:
        qualified = list(dict.fromkeys(entry.qualified_name for entry in entries))
        if len(qualified) > 1:
            return f"Two packages name a {self.kind} {name!r}: say {' or '.join(qualified)}."
        owners = " and ".join(entry.source.plugin for entry in entries)
        return (
            f"Two plugins of one package, {owners}, name a {self.kind} {name!r}: "
            f"leave one out with --no-plugin {entries[-1].source.plugin}."
        )


def offered(kind: str) -> Registry:
    """What this process's plugins offer of a kind, one of `KINDS`; the plugins are loaded by the first call."""
    registry: Registry = _PLUGINS.load()().registry(kind)
    return registry


# The manager stands above this module: it is known here by name only, and imported when something is looked up.
_PLUGINS = Lazy("plugins", "nogd.plugins.manager:plugins")


def usable(registry: Registry, entries: Iterable[Entry] | None = None) -> list[str]:
    """The names of everything, or of some entries, that can be loaded; a warning for the rest, which stops no other."""
    names = []
    for entry in registry if entries is None else entries:
        try:
            entry.load()
        except PluginError as error:
            warnings.warn(f"{error} It is left out.", NogdWarning, stacklevel=2)
        else:
            names.append(registry.shown_name(entry))
    return names


def warn_of_twins(registry: Registry) -> None:
    """Say of each thing that is called like a built-in one how it is reached."""
    for twin in registry.twins():
        text = (
            f"The {twin.kind} {twin.name!r} of {twin.source.describe()} is reached as {twin.qualified_name!r}"
        )
        warnings.warn(f"{text}: nogd has its own of that name.", PluginWarning, stacklevel=4)


def entry_of(kind: str, item: object, source: Source) -> Entry:
    """The entry of what a hook handed over; raises TypeError or ValueError where it cannot be one.

    item: a class with a string `name` (its docstring's first line is the summary), an object with `name`
    and `summary`, or a Lazy.
    """
    name = getattr(item, "name", None)
    if not isinstance(name, str):
        raise TypeError(f"{_shortened(item)} has no string 'name', as a class, an object or a Lazy should")
    if not name or _NOT_IN_NAMES.search(name):
        raise ValueError(f"the name {name!r} is empty or holds a space, a quote or one of , + = ( ) ;")
    return Entry(kind, name, _summary(item), source, item)


def _summary(item: object) -> str:
    """One line: `summary` where there is one, else the docstring's first line."""
    summary = getattr(item, "summary", None)
    if not isinstance(summary, str):
        summary = (inspect.getdoc(item) or "").partition("\n")[0]
    return " ".join(summary.split())


def _shortened(item: object, length: int = 60) -> str:
    text = " ".join(repr(item).split())
    return text if len(text) <= length else text[: length - 3] + "..."


def _grouped(entries: Iterable[Entry], key: Callable[[Entry], str]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(key(entry), []).append(entry)
    return {name: _meant(claimants) for name, claimants in groups.items()}


def _meant(claimants: list[Entry]) -> list[Entry]:
    """Those of several entries of one name that the name stands for."""
    return [entry for entry in claimants if entry.source.builtin] or claimants
