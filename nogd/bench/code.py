"""Which code decides a cell's result, and in which version: of every package that a learner or a task reaches."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from nogd.bench.fingerprint import Fingerprint, fingerprint, is_installed_file
from nogd.errors import PluginError
from nogd.plugins.data_files import named_files
from nogd.plugins.discovery import normalised
from nogd.plugins.manager import plugins
from nogd.plugins.parsing import parsed
from nogd.plugins.registry import Registry, Source
from nogd.plugins.sources import RESULTS_VERSION, checksum, editable_folder, source_files, source_version
from nogd.problem.dataset import Dataset
from nogd.problem.task import SupervisedTask, Task
from nogd.training.learner import Learner
from nogd.training.names import inner_learners

Code = frozenset[str]  # such as "nogd results 1", "acme-learners 1.4", "mine 0+src.1a2b3c4d"

OWN: Code = frozenset({f"nogd results {RESULTS_VERSION}"})
"""nogd's part of every cell."""
_NAME = re.compile(r"[\w.-]+")


class CodeReader:
    """Reads versions of code, each once: make one for each plan, for files may change from one to the next.

    Counted are nogd itself by RESULTS_VERSION, plugins, and whatever is no ordinary installed package: files beside a
    plugin or a script, editable installs, classes and functions of a notebook. Others, such as torch or scipy, are not:
    a session's environment has their versions.
    """

    def __init__(self) -> None:
        self._plugins = plugins()
        self._versions: dict[Source, str] = {}
        self._reached: dict[Source, tuple[Source, ...]] = {}

    def of_learner(self, learner: Learner) -> Code:
        """Of a learner and of all learners in it."""
        kind = type(learner)
        code = self._of([kind], [offered(kind, self._plugins.learners)])
        return code.union(*map(self.of_learner, inner_learners(learner)))

    def of_task(self, task: Task) -> Code:
        """Of a task with its data set, loss and metric, by whatever packages they come from."""
        own = self._plugins
        registries = {
            "dataset": [own.datasets],
            "loss": [own.losses],
            "metric": [own.metrics, own.losses],  # a loss may be named as a metric
        }
        parts = {name: getattr(type(task), name, None) for name in registries}
        if isinstance(task, SupervisedTask):
            parts["dataset"] = task.data()
        names = {name: part for name, part in parts.items() if isinstance(part, str)}
        sources = [_source_called(part, registries[name]) for name, part in names.items()]
        things = [type(task), *(part for name, part in parts.items() if name not in names)]
        code = self._of(things, [offered(type(task), self._plugins.tasks), *sources])
        return code | set(_user_data(self._dataset(parts["dataset"])))

    def _dataset(self, given: object) -> object:
        """A data set by its name where it loads; what else there is, and what does not, as it is given."""
        if isinstance(given, str) and given in self._plugins.datasets:
            with suppress(PluginError):
                return self._plugins.datasets.find(given).load()
        return given

    def provenance(self, kind: type, registry: Registry) -> tuple[str, str]:
        """What tables show of a class: package and version of its plugin, else its module and a checksum."""
        source = offered(kind, registry)
        if source is not None:
            return source.package, self._version(source)
        owner = self._owner(kind.__module__)
        version = f"code.{fingerprint(kind).digest}" if owner is None else self._version(owner)
        return kind.__module__, version.removeprefix("0+")

    def _version(self, source: Source) -> str:
        if source not in self._versions:
            self._versions[source] = source_version(source)
        return self._versions[source]

    def _of(self, things: Iterable[Any], sources: Iterable[Source | None]) -> Code:
        found = fingerprint(*things)
        owners = (self._owner(module) for module in sorted(found.modules))
        reached = self._with_reached(source for source in (*sources, *owners) if source is not None)
        return OWN | {f"{each.package} {self._version(each)}" for each in reached} | set(_loose(found))

    def _with_reached(self, sources: Iterable[Source]) -> set[Source]:
        """These sources and those of all code that they import."""
        waiting, seen = [source for source in sources if not source.builtin], set[Source]()
        while waiting:
            source = waiting.pop()
            if source not in seen:
                seen.add(source)
                waiting += self._imports(source)
        return seen

    def _imports(self, source: Source) -> tuple[Source, ...]:
        if source not in self._reached:
            files, root = source_files(source)
            names = {name for file in files for name in parsed(file).imports if not _lies_in(root, name)}
            found = [*map(self._owner_of_top, sorted(names)), *self._required(source)]
            self._reached[source] = tuple(each for each in found if each is not None)
        return self._reached[source]

    def _required(self, source: Source) -> Iterator[Source]:
        """What a package says that it needs, as far as that may change or is a plugin itself."""
        try:
            needed = importlib.metadata.requires(source.distribution or "") or ()
        except (importlib.metadata.PackageNotFoundError, ValueError):
            return
        for requirement in needed:
            match = _NAME.match(requirement)
            name = normalised(match[0]) if match else ""
            if name in self._by_distribution:
                yield self._by_distribution[name]
            elif name != "nogd" and (folder := editable_folder(name)):
                yield Source(name, name, importlib.metadata.version(name), location=folder)

    @cached_property
    def _installed(self) -> list[Source]:
        return [
            info.source
            for info in self._plugins.infos
            if not info.source.builtin and info.status != "blocked"
        ]

    @cached_property
    def _by_distribution(self) -> dict[str, Source]:
        return {normalised(each.distribution): each for each in self._installed if each.distribution}

    @cached_property
    def _by_top(self) -> dict[str, Source]:
        """The plugin that a top-level module belongs to, by its entry point."""
        points = ((each, (each.entry_point or "").partition("=")[2].strip()) for each in self._installed)
        return {re.split(r"[.:]", point)[0]: each for each, point in points if point}

    def _owner(self, module: str) -> Source | None:
        """Where a module that is imported comes from; None for nogd's own and for ordinary packages."""
        file = getattr(sys.modules.get(module), "__file__", None)
        top = module.partition(".")[0]
        if file is None or top == "nogd":
            return None
        if is_installed_file(Path(file)) and top not in self._by_top:
            return self._ordinary(top)
        return self._owner_of_file(Path(file), top, "." in module or Path(file).name == "__init__.py")

    def _ordinary(self, top: str) -> Source | None:
        """The package that a class or function itself comes from; None for Python's own and what nogd is made of."""
        if top in sys.stdlib_module_names or top in self._foundations:
            return None
        names = importlib.metadata.packages_distributions().get(top, [])
        if not names or normalised(names[0]) in self._foundations:
            return None
        return Source(top, names[0], importlib.metadata.version(names[0]))

    @cached_property
    def _foundations(self) -> set[str]:
        """What nogd itself requires."""
        return {
            normalised(match[0])
            for text in importlib.metadata.requires("nogd") or ()
            if (match := _NAME.match(text))
        }

    def _owner_of_top(self, top: str) -> Source | None:
        """The same of a module by its name alone, which need not be imported."""
        if top == "nogd" or top in sys.stdlib_module_names:
            return None
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return None
        if spec is None or spec.origin is None:
            return None
        return self._owner_of_file(Path(spec.origin), top, spec.submodule_search_locations is not None)

    def _owner_of_file(self, file: Path, top: str, in_package: bool) -> Source | None:
        given = next((source for source in self._installed if _holds(source, file)), None)
        if given is not None or top in self._by_top:
            return given or self._by_top[top]
        if is_installed_file(file):
            return None
        root = _package_folder(file, top) if in_package else file
        return Source(top, location=str(root))


def offered(kind: type, registry: Registry) -> Source | None:
    """The source of the entry by which a plugin offers a class; None where nobody does."""
    entry = registry.offering(kind)
    return None if entry is None else entry.source


def _source_called(name: str, registries: Iterable[Registry]) -> Source | None:
    """Where a data set, loss or metric comes from, by the first that knows it; None where none does."""
    return next((registry.find(name).source for registry in registries if name in registry), None)


def _holds(source: Source, file: Path) -> bool:
    place = source.location or editable_folder(source.distribution)
    return place is not None and (Path(place) == file or Path(place) in file.parents)


def _lies_in(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name).is_dir()


def _package_folder(file: Path, top: str) -> Path:
    return next((folder for folder in file.parents if folder.name == top), file.parent)


def _user_data(dataset: object) -> Iterator[str]:
    """The files that a data set says it reads, by their contents and names."""
    kind = dataset if isinstance(dataset, type) else type(dataset)
    if not issubclass(kind, Dataset) or kind.files is Dataset.files:
        return
    made: Any = kind() if isinstance(dataset, type) else dataset
    yield f"{made.name} data.{checksum(list(made.files()), Path())}"


def _loose(found: Fingerprint) -> Iterator[str]:
    """What is defined in no file of its own, with the data files that it names."""
    if found.digest:
        yield f"__main__ code.{found.digest}"
        here = Path.cwd()
        if data := list(named_files(found.texts, [here])):
            yield f"__main__ data.{checksum(data, here)}"
