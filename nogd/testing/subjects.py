"""What `nogd check` is asked to check: by name, by package, or by file."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nogd.bench.executors import build_executor
from nogd.errors import InvalidSetting, PluginWarning, UnknownName, UserError, did_you_mean
from nogd.plugins.by_path import absolute, is_there
from nogd.plugins.manager import Plugins, configure, plugins
from nogd.plugins.registry import Entry
from nogd.testing.catalogue import KINDS, checks_of, kind_of, known, name_of
from nogd.training.names import build


@dataclass(frozen=True)
class Subject:
    """Something to check. package: where it comes from, for people."""

    kind: str
    name: str
    package: str
    target: Any

    @property
    def title(self) -> str:
        """For a heading."""
        return f"{self.kind} {self.name} of {self.package}"


def find_subjects(given: str) -> list[Subject]:
    """What a name, a package or a path stands for.

    Raises UserError where there is nothing of that name, where it cannot be loaded, or where it offers nothing that
    has checks.
    """
    if _is_path(given):
        return _of_path(given)
    known = plugins()
    entries = [known.registry(kind).find(given) for kind in KINDS if given in known.registry(kind)]
    entries = entries or [entry for entry in _entries(known) if given in _owners(entry)]
    if entries:
        return [_subject(entry) for entry in entries]
    if "," in given or "+" in given:
        return [_made(given, known)]
    raise UnknownName(_unknown(given, known))


def _made(given: str, known: Plugins) -> Subject:
    """A learner with hyper-parameters, or an executor with settings."""
    if given.partition(",")[0].strip() in known.executors:
        executor = build_executor(given)
        return Subject("executor", name_of(executor), "this call", executor)
    learner = build(given)
    return Subject("learner", name_of(learner), "this call", learner)


def check_names(names: Iterable[str], subjects: Iterable[Subject]) -> None:
    """Raise UnknownName for a check that none of the subjects has."""
    checks = [check for kind in {subject.kind: None for subject in subjects} for check in checks_of(kind)]
    known(dict.fromkeys(names, "asked for"), checks)


def expectations(pairs: Iterable[str]) -> dict[str, str]:
    """Pairs of CHECK=REASON as a mapping. Raises InvalidSetting for others."""
    found = {}
    for pair in pairs:
        name, equals, reason = pair.partition("=")
        if not (name.strip() and equals and reason.strip()):
            raise InvalidSetting(
                f"--expect {pair}: write it as CHECK=REASON, such as 'works-in-float64=not written yet'."
            )
        found[name.strip()] = reason.strip()
    return found


def _is_path(given: str) -> bool:
    if given.endswith(".py") or given in (".", ".."):
        return True
    return "/" in given and is_there(Path(given).expanduser())


def _of_path(given: str) -> list[Subject]:
    """All that a file or folder offers, loaded beside the plugins that are loaded already."""
    settings, path = plugins().settings, absolute(given)
    if not is_there(Path(path)):
        raise InvalidSetting(f"There is no file or folder {given!r} to check.")
    with warnings.catch_warnings(action="ignore", category=PluginWarning):  # it is said below, as an error
        loaded = configure(replace(settings, extra=(*settings.extra, path)))
        found = [entry for entry in _entries(loaded) if entry.source.location == path]
    broken = [info.error for info in loaded.infos if info.source.location == path and info.error]
    if broken:
        raise UserError(f"{given} cannot be checked: {broken[0].rstrip('.')}.")
    if not found:
        raise UserError(f"{given} offers nothing to check: no learner, task, figure or executor.")
    return [_subject(entry) for entry in found]


def _entries(known: Plugins) -> Iterator[Entry]:
    return (entry for kind in KINDS for entry in known.registry(kind))


def _owners(entry: Entry) -> set[str]:
    return {entry.source.package, entry.source.plugin}


def _subject(entry: Entry) -> Subject:
    target = entry.load()
    if entry.kind == "learner":
        target = build(target)
    kind_of(target)
    return Subject(entry.kind, entry.name, entry.source.describe(), target)


def _unknown(given: str, known: Plugins) -> str:
    names = {name for entry in _entries(known) for name in (entry.name, *_owners(entry))}
    return (
        f"Nothing that can be checked is named {given!r}{did_you_mean(given, names)} Give a learner, task, figure or"
        " executor, a package or plugin ('nogd list plugins'), or a .py file."
    )
