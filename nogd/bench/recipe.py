"""A job as plain data, its recipe: made in one process, followed in another one, on this machine or elsewhere."""

from __future__ import annotations

import pickle
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import cloudpickle

from nogd.bench.cell import Cell
from nogd.bench.code import OWN, CodeReader
from nogd.bench.loss_slice import LossSlice
from nogd.bench.perform import Job
from nogd.bench.shards import Shard
from nogd.bench.task_names import build_task
from nogd.errors import InvalidSetting
from nogd.plugins.manager import plugins
from nogd.plugins.settings import PluginSettings
from nogd.problem.task import Task
from nogd.training.learner import Learner
from nogd.training.names import build
from nogd.training.spelling import Named
from nogd.version import __version__

FORM = 2
"""Raised when a recipe of today cannot be followed by yesterday's nogd."""
_AS_IT_IS = ("timeout", "memory", "checkpoint", "checkpoint_seconds", "keep_thetas")


def recipe_of(job: Job) -> dict[str, Any]:
    """A recipe that any nogd can follow that has the same plugins: learner and task by name where they have one.

    What has none, such as a notebook's class, goes as cloudpickle has it, code and all. Raises whatever that raises.
    """
    return _recipe(job, _by_name(job.learner, build), _by_name(job.task, _built_task))


def recipe_here(job: Job) -> dict[str, Any]:
    """A recipe for a process of this machine that is quick to follow: it looks nothing up by name."""
    return _recipe(job, None, None)


def _recipe(job: Job, learner: str | None, task: str | None) -> dict[str, Any]:
    return {
        "id": job.cell.id,
        "recipe": FORM,
        "nogd": __version__,
        "python": _python(),
        "cell": asdict(job.cell),
        "learner": cloudpickle.dumps(job.learner) if learner is None else learner,
        "task": cloudpickle.dumps(job.task) if task is None else task,
        "loss_slice": None if job.loss_slice is None else vars(job.loss_slice),
        "shard": None if job.shard is None else vars(job.shard),
        **{name: getattr(job, name) for name in _AS_IT_IS},
    }


def job_of(recipe: Mapping[str, Any]) -> Job:
    """The job of a recipe, by the plugins of this process.

    Raises UserError that says what is missing here, or whatever else is wrong with what came.
    """
    if recipe.get("recipe") != FORM:
        raise InvalidSetting(
            f"its recipe is of form {recipe.get('recipe')!r:.20}, by nogd {recipe.get('nogd')!r:.20}, and nogd"
            f" {__version__}, which is here, follows form {FORM}: install the same nogd in both places."
        )
    cell = Cell(**recipe["cell"] | {"code": tuple(recipe["cell"]["code"])})
    loss_slice, shard = recipe["loss_slice"], recipe["shard"]
    return Job(
        cell=cell,
        learner=build(_read("learner", recipe)),
        task=_built_task(_read("task", recipe)),
        loss_slice=None if loss_slice is None else LossSlice(**loss_slice),
        shard=None if shard is None else Shard(**shard),
        **{name: recipe[name] for name in _AS_IT_IS},
    )


def refuse_other_code(job: Job, recipe: Mapping[str, Any], reader: CodeReader) -> None:
    """Raise InvalidSetting where what a recipe names is not the same code here; what it carries is."""
    carried = {name for name in ("learner", "task") if isinstance(recipe[name], bytes)}
    here = OWN
    if "learner" not in carried:
        here |= reader.of_learner(job.learner)
    if "task" not in carried:
        here |= reader.of_task(job.task)
    there = frozenset(job.cell.code)
    if here == there or (carried and here <= there):
        return
    raise InvalidSetting(
        f"{job.cell.name} is to be run by other code than is here: there {_listed(there - here)}, here"
        f" {_listed(here - there)}; install the same versions in both places."
    )


def settings_told(settings: PluginSettings) -> dict[str, Any]:
    """Which plugins to load, as plain data."""
    return {
        "extra": list(settings.extra),
        "blocked": sorted(settings.blocked),
        "thirdparty": settings.thirdparty,
    }


def settings_heard(told: Mapping[str, Any]) -> PluginSettings:
    """What `settings_told` told."""
    return PluginSettings(tuple(told["extra"]), frozenset(told["blocked"]), told["thirdparty"])


def _by_name(named: Named, made: Callable[[str], Named]) -> str | None:
    """The text by which it is found and made again; None where a class of it has no name, or no text says it all."""
    try:
        text = named.spelled(_name_of)
        return text if made(text) == named else None
    except Exception:  # fields may hold anything, down to what cannot be compared
        return None


def _name_of(kind: type[Named]) -> str:
    registry = plugins().registry("learner" if issubclass(kind, Learner) else "task")
    entry = registry.offering(kind)
    if entry is None:
        raise LookupError
    return entry.qualified_name


def _built_task(given: str | Task) -> Task:
    return build_task(given).task


def _read(name: str, recipe: Mapping[str, Any]) -> Any:
    """A name as it is; what was carried along, unpacked."""
    value = recipe[name]
    if isinstance(value, str):
        return value
    if recipe["python"] != _python():
        raise InvalidSetting(
            f"its {name} has no name by which it is found and travels as code of Python {recipe['python']!s:.20}; here"
            f" is {_python()}: write it into a plugin, or use the same Python in both places."
        )
    try:
        return pickle.loads(value)
    except ImportError as error:
        raise InvalidSetting(
            f"its {name} cannot be made here: {error}; install what it is written in, or give it as a plugin"
            " (--plugin), whose file travels with the job."
        ) from error


def _python() -> str:
    return ".".join(platform.python_version_tuple()[:2])


def _listed(code: frozenset[str]) -> str:
    return ", ".join(sorted(code)) or "nothing more"
