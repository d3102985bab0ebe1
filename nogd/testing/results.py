"""Results of small comparisons, easy and hard ones, that figures are drawn from."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nogd.api import run
from nogd.problem.task import Task
from nogd.report.figure import Comparison
from nogd.testing.cast import Diverges, Errors, Fails, Follower, Quarters, Stepper
from nogd.training.learner import Learner

STRANGE = '$a_b$ <i>&" ü'


@dataclass(frozen=True)
class Case:
    """A comparison to be made. what: in words."""

    what: str
    learners: tuple[tuple[str, Learner], ...]
    tasks: tuple[type[Task], ...]
    repetitions: int = 1
    budget: tuple[str, int] = ("forwards", 40)


_STEPPER, _FOLLOWER = ("kit-stepper", Stepper()), ("kit-follower", Follower())
_ALL = (
    _STEPPER,
    _FOLLOWER,
    (STRANGE, Stepper(sigma=0.1)),
    ("kit-fails", Fails()),
    ("kit-diverges", Diverges()),
)
PLAIN = Case("three learners on two tasks", (_STEPPER, _FOLLOWER, _ALL[2]), (Quarters, Errors), 3)
HARD = (
    Case(
        "learners that fail, diverge, have strange names or are not applicable", _ALL, (Quarters, Errors), 2
    ),
    Case("a single run", (_STEPPER,), (Quarters,)),
    Case("failures alone", (_ALL[3], _ALL[4]), (Errors,)),
    Case("nothing that was applicable", (_FOLLOWER,), (Errors,)),
    Case("a budget of iterations", (_STEPPER, _FOLLOWER), (Quarters,), 2, ("iterations", 6)),
)


def comparison(case: Case) -> Comparison:
    """The case's results, the caller's own to spoil."""
    return copy.deepcopy(_made(case))


def all_cases() -> Iterator[tuple[Case, Comparison]]:
    """Every case with its results."""
    return ((case, comparison(case)) for case in (PLAIN, *HARD))


@cache  # a second or so, for each figure and check the same
def _made(case: Case) -> Comparison:
    experiment: dict[str, Any] = {
        "learners": [{"use": learner, "label": label} for label, learner in case.learners],
        "tasks": case.tasks,
        "repetitions": case.repetitions,
        "budget": dict([case.budget]),
        "reference": "kit-follower",
        "baselines": ("kit-stepper",),
    }
    with TemporaryDirectory() as folder:
        return Comparison.of(run(experiment, out=Path(folder), jobs=0, progress=False))
