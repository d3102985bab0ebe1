"""What runs the cells of a call: an executor by name with settings, a class or an object, made to measure."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isabstract
from typing import Any

from nogd.bench.allowance import cores
from nogd.bench.events import OF_THE_HARNESS, Executor
from nogd.errors import InvalidSetting, PluginError
from nogd.plugins.manager import plugins
from nogd.training.names import made_of, name_and_settings, name_of_class, refuse_unknown

Choice = str | Executor | type[Executor]
"""An executor as users give it: "ray,address=auto", an object, or a class."""


def executor_for(chosen: Choice | None, jobs: int | None, threads: int) -> Executor:
    """What runs so many cells at once, each with so many threads: by default worker processes of this machine.

    jobs: parallel runs; 0 = in this process; by default one per core. Raises UserError for what makes no sense.
    """
    if jobs is not None and jobs < 0:
        raise InvalidSetting(f"jobs must be 0 (in this process) or more, not {jobs}.")
    made = build_executor(chosen if chosen is not None else "inline" if jobs == 0 else "local")
    if jobs == 0 and made.name != "inline":
        raise InvalidSetting(
            f"jobs = 0 runs cells in this process, which does not go with the executor {made.name!r}: leave one out."
        )
    return sized(made, jobs or cores(), threads)


def build_executor(chosen: Choice) -> Executor:
    """The executor that a name with settings, a class or an executor itself stands for, not made to measure yet.

    Raises UnknownName, AmbiguousName, InvalidSetting or PluginError, each naming what would be right.
    """
    if isinstance(chosen, str):
        name, settings = name_and_settings(chosen)
        return _made(executor_class(name), settings)
    if isinstance(chosen, type) and not isabstract(chosen):
        return _made(chosen, {})
    if not isinstance(chosen, Executor):  # an abstract class, too
        raise InvalidSetting(
            f"an executor is a name such as 'local', an Executor or a class of them, not {chosen!r:.60}."
        )
    return chosen


def executor_class(name: str) -> type[Executor]:
    """The class of that name. Raises UnknownName, AmbiguousName or PluginError."""
    entry = plugins().executors.find(name)
    kind = entry.load()
    if not (isinstance(kind, type) and issubclass(kind, Executor)):
        raise PluginError(
            f"{entry.qualified_name} is registered as an executor, but is not a subclass of Executor."
        )
    return kind


def sized(executor: Executor, workers: int, threads: int) -> Executor:
    """An executor with the same settings for so many cells at once, each with so many threads."""
    given = {name: getattr(executor, name) for name in settings_known(type(executor))}
    return type(executor)(**given | {"workers": workers, "threads": threads})


def settings_known(kind: type[Executor]) -> list[str]:
    """Names of the settings that users may give."""
    return [name for name in kind.model_fields if name not in OF_THE_HARNESS]


def _made(kind: type[Executor], settings: Mapping[str, Any]) -> Executor:
    name = name_of_class(kind, "executor")
    for each in OF_THE_HARNESS.intersection(settings):
        option = {"workers": "--jobs", "threads": "--threads"}[each]
        raise InvalidSetting(f"{each} is not a setting to write after {name!r}: {option} says how many.")
    refuse_unknown(name, settings, settings_known(kind))
    return made_of(kind, name, settings)
