"""Tasks by name with settings, such as "parity,bits=10", and by tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from inspect import isabstract
from typing import Any

from nogd.bench.matching import chosen_tasks
from nogd.errors import InvalidSetting, PluginError
from nogd.plugins.registry import Entry, offered, usable
from nogd.problem.task import SupervisedTask, Task
from nogd.training.grammar import TAG
from nogd.training.names import made_of, name_and_settings, name_of_class, refuse_unknown

DEFAULT = f"{TAG}default"
Choice = str | Task | type[Task]
"""A task as users give it: "parity,bits=10", an object, or a class."""


@dataclass(frozen=True)
class NamedTask:
    """A task, and what it is called with its settings in tables, seeds and frozen references.

    entry: by which it is registered; None for a class that was given.
    """

    name: str
    task: Task
    entry: Entry | None


def build_task(chosen: Choice) -> NamedTask:
    """The task that a name with settings, a class or a task itself stands for.

    Raises UnknownName, AmbiguousName, InvalidSetting or PluginError, each naming what would be right.
    """
    if isinstance(chosen, str):
        return _by_name(chosen)
    if isinstance(chosen, type) and not isabstract(chosen):
        task = _made(chosen, {}, {})
        return NamedTask(str(task), task, None)
    if not isinstance(chosen, Task):  # an abstract class, too
        raise InvalidSetting(
            f"a task is a name such as 'parity,bits=10', a nogd.Task or a class of them, not {chosen!r:.60}."
        )
    return NamedTask(str(chosen), chosen, None)


def all_tasks(only_default: bool) -> list[NamedTask]:
    """All registered tasks that can be loaded, or those among them that belong to `--all`."""
    found = [build_task(name) for name in usable(offered("task"))]
    return [each for each in found if each.task.default or not only_default]


def tasks_of(chosen: Iterable[Choice]) -> list[NamedTask]:
    """The tasks that these stand for, patterns, "tag:control" and "tag:default" too. Raises what `build_task` raises.

    The last is no tag of a task's own, but stands for those that belong to `--all`.
    """
    given = list(chosen)
    if DEFAULT in given:
        default = [each.name for each in all_tasks(only_default=True)]
        place = given.index(DEFAULT)
        given[place : place + 1] = [name for name in default if name not in given]
    return [build_task(each) for each in chosen_tasks(given, offered("task"))]


def settings_known(kind: type[Task]) -> list[str]:
    """Names of a task's settings as users write them, those that every task has behind its own."""
    common = {*Task.model_fields, *SupervisedTask.model_fields}
    fields = sorted(kind.model_fields.items(), key=lambda field: field[0] in common)
    return [info.alias or name for name, info in fields]


def _by_name(text: str) -> NamedTask:
    name, settings = name_and_settings(text)
    registry = offered("task")
    entry = registry.find(name)
    found = entry.load()
    kind = found if isinstance(found, type) else type(found)
    if not issubclass(kind, Task):
        raise PluginError(
            f"{entry.qualified_name} is registered as a task, but is not a subclass of nogd.Task."
        )
    given = _given(found) if isinstance(found, Task) else {}
    task = _made(kind, given, settings)
    return NamedTask(task.spelled(lambda _: registry.shown_name(entry)), task, entry)


def _given(task: Task) -> dict[str, Any]:
    """The settings of a task that a plugin offers as an object."""
    return {info.alias or name: getattr(task, name) for name, info in type(task).model_fields.items()}


def _made(kind: type[Task], given: Mapping[str, Any], settings: Mapping[str, Any]) -> Task:
    name = name_of_class(kind, "task")
    refuse_unknown(name, settings, settings_known(kind))
    return made_of(kind, name, {**given, **settings})
