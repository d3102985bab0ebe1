"""One learner on one task with one repetition: the unit of work, and its identity."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from nogd.training.learner import Learner


@dataclass(frozen=True)
class Cell:
    """One learner on one task with one repetition: everything that decides a run's result.

    :param label: what tables call the learner; it does not affect the result.
    :param learner: the learner's identity, see `identity`.
    :param task: the task's name, with settings.
    :param task_package: the package that the task is from.
    :param code: the versions of the code.
    :param task_version: the task's `version`.
    :param repetition: counts from 0; it decides the starting point and the seed.
    :param mode: how the task's network is scored, "eval" or "train".
    :param budget: the limits, None for those that are not set.
    :param threads: of the run.
    :param device: such as "cpu".
    """

    label: str
    learner: dict[str, Any]
    task: str
    task_package: str
    code: tuple[str, ...]
    task_version: int
    repetition: int
    mode: str
    budget: dict[str, float | None]
    threads: int
    device: str

    @cached_property
    def id(self) -> str:
        """A hash of everything but the label, as canonical JSON; the same in every process.

        The learner's version, which tables show, is in `code`, where nogd's own stays while no result moves.
        """
        decides: dict[str, Any] = {name: getattr(self, name) for name in _DECIDING}
        decides["learner"] = {name: value for name, value in self.learner.items() if name != "version"}
        text = json.dumps(decides, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """For people: "adam on diabetes, repetition 2"."""
        return f"{self.label} on {self.task}, repetition {self.repetition}"


_DECIDING = [field.name for field in fields(Cell) if field.name != "label"]


def identity(learner: Learner, package: str, version: str) -> dict[str, Any]:
    """A learner's identity in plain JSON: name, package, version of the code, and all hyper-parameters."""
    return {"name": learner.name, "package": package, "version": version, "settings": settings_of(learner)}


def settings_of(learner: Learner) -> dict[str, Any]:
    """All hyper-parameters, defaults too, in plain JSON; learners inside by name and hyper-parameters."""
    values: dict[str, Any] = _finite(learner.model_dump(mode="json"))
    return values | {
        name: _inner(getattr(learner, name)) for name in values if _holds_learners(getattr(learner, name))
    }


def _finite(value: Any) -> Any:
    """JSON knows no infinity; as text it is still read as the same number."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _holds_learners(value: Any) -> bool:
    return isinstance(value, Learner) or (
        isinstance(value, tuple | list) and any(isinstance(v, Learner) for v in value)
    )


def _inner(value: Any) -> Any:
    if isinstance(value, Learner):
        return {"name": value.name, "settings": settings_of(value)}
    return [_inner(item) for item in value]
