"""Patterns in place of names: "es-*", "acme/*", "tag:evolution"; settings behind one go to all that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Protocol, Self, TypeVar

from nogd.errors import UnknownName, did_you_mean
from nogd.plugins.registry import KINDS, Entry, Registry, usable
from nogd.training.grammar import TAG, is_pattern, pattern_of

T = TypeVar("T")


class Using(Protocol):
    """An entry of an experiment, such as `nogd.bench.experiment.LearnerEntry`."""

    @property
    def use(self) -> Any:
        """What to use, by name or itself."""

    def model_copy(self, *, update: Mapping[str, Any]) -> Self:
        """The same with some fields changed."""


U = TypeVar("U", bound=Using)


def chosen_learners(entries: Sequence[U], registry: Registry) -> list[U]:
    """The learners of an experiment, with those that patterns stand for in their place, each once.

    Raises UnknownName for a pattern that fits nothing.
    """
    return _in_their_place(
        entries, lambda entry: entry.use, lambda entry, name: entry.model_copy(update={"use": name}), registry
    )


def chosen_tasks(tasks: Sequence[Any], registry: Registry) -> list[Any]:
    """The tasks of an experiment, in the same way."""
    return _in_their_place(tasks, lambda task: task, lambda _task, name: name, registry)


def _in_their_place(
    given: Sequence[T],
    name_of: Callable[[T], object],
    called: Callable[[T, str], T],
    registry: Registry,
) -> list[T]:
    """What is given, patterns replaced; what is named besides, or fits an earlier pattern, does not come twice."""
    plain = [each for each in given if not is_pattern(name_of(each))]
    found: list[T] = []
    for each in given:
        name = name_of(each)
        if isinstance(name, str) and is_pattern(name):
            fitting = (called(each, full) for full in matches(name, registry))
            found += [one for one in fitting if one not in plain and one not in found]
        else:
            found.append(each)
    return found


def matches(pattern: str, registry: Registry) -> list[str]:
    """The names that a pattern fits, bare or "package/name", with the settings that stand behind it."""
    head = pattern_of(pattern)
    name = head.strip()
    fitting = list(_tagged(name, registry) if name.startswith(TAG) else _like(name, registry))
    return [each + pattern[len(head) :] for each in usable(registry, fitting)]


def _like(pattern: str, registry: Registry) -> Iterator[Entry]:
    fitting = [
        entry
        for entry in registry
        if any(fnmatchcase(name, pattern) for name in (entry.name, entry.qualified_name))
    ]
    if not fitting:
        raise UnknownName(
            f"no {registry.kind} has a name like {pattern!r}; 'nogd list {KINDS[registry.kind][0]}' shows all."
        )
    yield from fitting


def _tagged(pattern: str, registry: Registry) -> Iterator[Entry]:
    tag = pattern.removeprefix(TAG).strip()
    fitting = [entry for entry in registry if tag in entry.tags]
    if not fitting:
        known = sorted({one for entry in registry for one in entry.tags})
        raise UnknownName(
            f"no {registry.kind} has the tag {tag!r}{did_you_mean(tag, known)} Tags: {', '.join(known)}."
        )
    yield from fitting
