"""Load, block, isolate and list plugins; the registries of what they offer."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain
from types import ModuleType
from typing import TYPE_CHECKING

import pluggy

from nogd import hookspecs
from nogd.errors import NogdWarning, PluginError, PluginWarning, did_you_mean
from nogd.plugins import inspection
from nogd.plugins.by_path import given_plugins
from nogd.plugins.deprecation import adopt_renamed_hooks
from nogd.plugins.discovery import Found, builtin_plugins, installed_plugins
from nogd.plugins.distributions import unmet_requirement
from nogd.plugins.isolation import Failure, attempt
from nogd.plugins.registry import KINDS, Entry, Registry, Source, entry_of, warn_of_twins
from nogd.plugins.settings import PluginSettings
from nogd.plugins.sources import source_version
from nogd.plugins.tracing import HookTrace

if TYPE_CHECKING:
    from pluggy import HookImpl

__all__ = ["PluginInfo", "PluginSettings", "Plugins", "configure", "configured", "plugins", "source_version"]


@dataclass
class PluginInfo:
    """What became of one plugin.

    status: "builtin", "ok", "blocked" or "broken"; error: one line; traceback: text, where an exception
    was the cause; hooks: names of the hooks that it implements.
    """

    name: str
    source: Source
    status: str = "ok"
    error: str = ""
    traceback: str = ""
    hooks: list[str] = field(default_factory=list)


class Plugins:
    """All plugins of one process, loaded on first use, and the registries of what they offer.

    Nothing that a plugin does wrong gets out of here, save KeyboardInterrupt: it is warned about once
    and its `PluginInfo` says "broken".
    """

    def __init__(self, settings: PluginSettings | None = None) -> None:
        """Load nothing yet; settings: those of the environment if not given."""
        self.settings = PluginSettings.from_environment() if settings is None else settings
        self._lock = threading.RLock()
        self._start()

    def _start(self) -> None:
        self._manager = pluggy.PluginManager("nogd")
        self._manager.add_hookspecs(hookspecs)
        self._trace = HookTrace(self._manager)
        self._infos: dict[str, PluginInfo] = {}
        self._silenced: set[str] = set()  # names of plugins whose observers are not called any more
        self._asked: set[str] = set()  # hooks that are being asked just now
        self._state = "new"  # then "loading", then "loaded"

    @classmethod
    def of(cls, *given: object) -> Plugins:
        """These plugins alone: modules, objects, or single functions that carry `@hookimpl` (for tests)."""
        made = cls(PluginSettings(thirdparty=False))
        made._state = "loaded"
        for number, plugin in enumerate(given):
            name = getattr(plugin, "__name__", type(plugin).__name__)
            source = Source(made._unique(name, str(number)))
            made._load(Found(name, source, partial(_as_plugin, plugin)))
        return made

    @property
    def manager(self) -> pluggy.PluginManager:
        """pluggy's own view, with every plugin that could be registered."""
        self._ensure_loaded()
        return self._manager

    @property
    def infos(self) -> list[PluginInfo]:
        """What became of each plugin; hooks that were not asked yet may still turn out broken."""
        self._ensure_loaded()
        return list(self._infos.values())

    @cached_property
    def learners(self) -> Registry:
        """Ways to train."""
        return self._registry("learner")

    @cached_property
    def tasks(self) -> Registry:
        """Problems to train on."""
        return self._registry("task")

    @cached_property
    def datasets(self) -> Registry:
        """Data that tasks name."""
        return self._registry("dataset")

    @cached_property
    def losses(self) -> Registry:
        """What is minimised."""
        return self._registry("loss")

    @cached_property
    def metrics(self) -> Registry:
        """What runs are judged by."""
        return self._registry("metric")

    @cached_property
    def executors(self) -> Registry:
        """Ways to run cells."""
        return self._registry("executor")

    @cached_property
    def figures(self) -> Registry:
        """Figures and tables of the report."""
        return self._registry("figure")

    def ask_all(self) -> None:
        """Ask every plugin for all that it offers, so that `infos` shows what is wrong with it."""
        for kind in KINDS:
            self.registry(kind)

    def registry(self, kind: str) -> Registry:
        """The registry of a kind: "learner", "task", "dataset", "figure", "executor", "loss" or "metric"."""
        made: Registry = getattr(self, KINDS[kind][0])
        return made

    def notify(self, hook: str, /, **arguments: object) -> None:
        """Call every observer of a hook in turn; one that raises is warned about once, then left alone."""
        for implementation in self._implementations(hook):
            name = implementation.plugin_name
            if name in self._silenced:
                continue
            chosen = {wanted: arguments[wanted] for wanted in implementation.argnames}
            outcome = attempt(partial(self._trace.call, hook, name, implementation.function, **chosen))
            if isinstance(outcome, Failure):
                self._silenced.add(name)
                self._broken(self._infos[name], f"{hook}: {outcome.cause}", outcome)

    # Loading

    def _ensure_loaded(self) -> None:
        if self._state == "loaded":
            return
        with self._lock:
            if self._state == "loading":  # only a plugin that is being imported gets here: the lock is ours
                raise PluginError("a plugin cannot ask what is registered while plugins are being loaded")
            if self._state == "new":
                self._load_all()

    def _load_all(self) -> None:
        self._state = "loading"
        try:
            found = list(self._found())
            for plugin in found:
                self._load(plugin)
            self._state = "loaded"
        finally:
            if self._state == "loading":  # interrupted, or a path that does not exist: as if never tried
                self._start()
        self._warn_of_unknown_blocks(found)

    def _found(self) -> Iterator[Found]:
        """Built-ins first; then those given by path, so that a checkout wins over its installed copy."""
        yield from builtin_plugins()
        for given in self.settings.extra:
            yield from given_plugins(given)
        if self.settings.thirdparty:
            yield from installed_plugins()

    def _load(self, found: Found) -> None:
        """Import and register one plugin, or note why not."""
        source = found.source
        found = found.renamed(self._unique(source.plugin, source.package))
        if self._is_blocked(found):
            self._note(found, "blocked")
            return
        plugin = attempt(found.load, quiet=True)
        if not isinstance(plugin, Failure):
            if any(plugin is known for _, known in self._manager.list_name_plugin()):
                return  # one module under two entry points, or given by hand and installed as well
            failure = attempt(partial(self._register, plugin, found.source), quiet=True)
            plugin = failure or plugin
        if isinstance(plugin, Failure):
            self._broken(self._note(found, "broken"), plugin.cause, plugin)
        else:
            info = self._note(found, "builtin" if source.builtin else "ok")
            info.hooks = inspection.implemented(self._manager, plugin)
            for complaint in () if source.builtin else inspection.complaints(self._manager, plugin):
                self._broken(info, complaint)

    def _is_blocked(self, found: Found) -> bool:
        return any(found.is_called(name) for name in self.settings.blocked)

    def _register(self, plugin: object, source: Source) -> None:
        """Hand a plugin to pluggy, wholly or not at all; raises what pluggy has against it."""
        adopt_renamed_hooks(plugin, source)
        try:
            self._manager.register(plugin, source.plugin)
        except BaseException:
            if self._manager.has_plugin(
                source.plugin
            ):  # older releases of pluggy keep a half-registered plugin
                self._manager.unregister(name=source.plugin)
            raise

    def _note(self, found: Found, status: str) -> PluginInfo:
        info = PluginInfo(found.source.plugin, found.source, status)
        self._infos[info.name] = info
        return info

    def _unique(self, name: str, package: str) -> str:
        """A name that no other plugin has: the bare one, "package:name", or that with a number."""
        candidates = [name, f"{package}:{name}"]
        while all(candidate in self._infos for candidate in candidates):
            candidates.append(f"{package}:{name}:{len(candidates)}")
        return next(candidate for candidate in candidates if candidate not in self._infos)

    def _warn_of_unknown_blocks(self, found: list[Found]) -> None:
        known = {name for plugin in found for name in (plugin.name, plugin.source.package)}
        for name in sorted(self.settings.blocked):
            if self.settings.thirdparty and not any(plugin.is_called(name) for plugin in found):
                hint = did_you_mean(name, known)
                text = f"Nothing to block: no plugin is named {name!r}{hint}"
                warnings.warn(text, NogdWarning, stacklevel=4)

    # Calling hooks

    def _implementations(self, hook: str) -> list[HookImpl]:
        """A hook's implementations in the order of registration, `tryfirst` before and `trylast` after."""
        self._ensure_loaded()
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        plain = [each for each in caller.get_hookimpls() if not (each.wrapper or each.hookwrapper)]
        return sorted(plain, key=lambda each: each.trylast - each.tryfirst)

    def _registry(self, kind: str) -> Registry:
        plural, hook = KINDS[kind]
        with self._lock:
            implementations = self._implementations(hook)
            if hook in self._asked:  # only a plugin that is being asked gets here: the lock is ours
                raise PluginError(f"{hook} cannot ask for the {plural} that it is a part of")
            self._asked.add(hook)
            try:
                answers = [self._answer(kind, hook, each) for each in implementations]
            finally:
                self._asked.discard(hook)
        registry = Registry(kind, chain.from_iterable(answers))
        warn_of_twins(registry)
        return registry

    def _answer(self, kind: str, hook: str, implementation: HookImpl) -> list[Entry]:
        """What one plugin offers; nothing, with a warning, where it offers something wrongly."""
        info = self._infos[implementation.plugin_name]
        ask = partial(self._trace.call, hook, info.name, implementation.function)
        entries = attempt(partial(_entries, kind, ask, info.source), quiet=True)
        if isinstance(entries, Failure):
            self._broken(info, f"{hook}: {entries.cause}", entries)
            return []
        return entries

    def _broken(self, info: PluginInfo, error: str, cause: Failure | None = None) -> None:
        """Note what is wrong with a plugin and warn of it, once."""
        unmet = attempt(partial(unmet_requirement, info.source)) if cause is not None else None
        if isinstance(unmet, str):
            error = f"{unmet}; {error}"
        info.status = "broken"
        info.error = f"{info.error}; {error}" if info.error else error
        if cause is not None:
            info.traceback += cause.traceback
        end = "" if error.endswith((".", "?")) else "."
        warnings.warn(
            f"The plugin {info.name!r} of {info.source.describe()} is broken: {error}{end} "
            "'nogd list plugins --traceback' says more.",
            PluginWarning,
            stacklevel=3,
        )


def _entries(kind: str, function: Callable[[], object], source: Source) -> list[Entry]:
    """Entries of what a hook returns; raises what is wrong with them, so that none of a bad list counts."""
    items = function()
    if not isinstance(items, list | tuple):
        raise TypeError(f"it returned {type(items).__name__}, not a list")
    entries = [entry_of(kind, item, source) for item in items]
    for entry in entries:
        if sum(other.name == entry.name for other in entries) > 1:
            raise ValueError(f"it names two {KINDS[kind][0]} {entry.name!r}")
    return entries


def _as_plugin(given: object) -> object:
    """A plugin as it is; a single hook function in a module of its own."""
    if not hasattr(given, "nogd_impl"):
        return given
    module = ModuleType(getattr(given, "__name__", "plugin"))
    setattr(module, module.__name__, given)
    return module


class _Process:
    """What this process uses."""

    lock = threading.RLock()
    plugins: Plugins | None = None


def plugins() -> Plugins:
    """This process's plugins, made on first use from the environment."""
    with _Process.lock:
        if _Process.plugins is None:
            _Process.plugins = Plugins()
        return _Process.plugins


def configure(settings: PluginSettings) -> Plugins:
    """Replace this process's plugins by those of `settings`."""
    with _Process.lock:
        _Process.plugins = Plugins(settings)
        return _Process.plugins


@contextmanager
def configured(settings: PluginSettings) -> Iterator[Plugins]:
    """Use the plugins of `settings` in this process until the block ends."""
    before = _Process.plugins
    try:
        yield configure(settings)
    finally:
        _Process.plugins = before
