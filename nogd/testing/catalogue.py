"""Which checks there are for what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from inspect import isabstract
from typing import Any

from nogd.bench.events import Executor
from nogd.errors import InvalidSetting, UnknownName, did_you_mean
from nogd.problem.task import Task
from nogd.report.figure import Figure
from nogd.testing.check import Check
from nogd.training.learner import Learner

# kind -> the modules of nogd.testing with its checks, in the order in which they are run
_MODULES = {
    "learner": (
        "learner.settings",
        "learner.access",
        "learner.seeds",
        "learner.state",
        "learner.budget",
        "learner.counting",
        "learner.batches",
        "learner.survival",
        "learner.conduct",
    ),
    "task": ("task", "task_settings", "task_data", "task_simulator"),
    "figure": ("figure",),
    "executor": ("executor",),
}
KINDS = tuple(_MODULES)


def kind_of(subject: object) -> str:
    """Which of KINDS it is. Raises InvalidSetting for anything else."""
    if isinstance(subject, Learner):
        return "learner"
    if isinstance(subject, Task) or _is_made_of(subject, Task):
        return "task"
    if isinstance(subject, Figure):
        return "figure"
    if isinstance(subject, Executor) or _is_made_of(subject, Executor):
        return "executor"
    if isinstance(subject, type) and issubclass(subject, Learner) and not isabstract(subject):
        raise InvalidSetting(
            f"{subject.__name__} is a class of learners; make one of it: {subject.__name__}()."
        )
    raise InvalidSetting(
        f"{subject!r:.60} cannot be checked; give learners as objects, tasks, figures or executors."
    )


def checks_of(kind: str) -> Sequence[Check]:
    """All checks for that kind of thing."""
    modules = (import_module(f"nogd.testing.{module}") for module in _MODULES[kind])
    return [check for module in modules for check in module.CHECKS]


def checks_for(subject: object) -> Sequence[Check]:
    """All checks for a learner, task, figure or executor."""
    return checks_of(kind_of(subject))


def name_of(subject: Any) -> str:
    """What it is called: a learner or executor with the settings that differ from their defaults."""
    if isinstance(subject, Learner | Executor):
        return str(subject)
    return str(getattr(subject, "name", "") or getattr(subject, "__name__", type(subject).__name__))


def known(expected: Mapping[str, str], checks: Iterable[Check]) -> Mapping[str, str]:
    """The expected failures, check name -> reason. Raises UserError for a check that there is none of, or no reason."""
    names = [check.name for check in checks]
    for name, reason in expected.items():
        if name not in names:
            raise UnknownName(
                f"no check is named {name!r}{did_you_mean(name, names)} Checks: {', '.join(names)}."
            )
        if not str(reason or "").strip():
            raise InvalidSetting(f"say why {name!r} is expected to fail: its reason is {reason!r:.40}.")
    return expected


def _is_made_of(subject: object, base: type) -> bool:
    return isinstance(subject, type) and issubclass(subject, base) and not isabstract(subject)
