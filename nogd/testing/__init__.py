"""The conformance kit: nogd's rules as named checks that authors of plugins run on what they wrote.

In a package's tests, with pytest::

    from nogd.testing import parametrize_with_checks

    @parametrize_with_checks([MyLearner(), MyLearner(population=1)], expected_failures={})
    def test_nogd_rules(learner, check):
        check(learner)

From the shell, the same checks: `nogd check my-learner`, `nogd check my-package`, `nogd check file.py`.

Learners are given as objects, tasks as classes, executors as either, figures as they are registered; the test's first
argument is called after what is checked. A check that is known to fail is named with the reason, and fails once it
passes.

`HeldTensors` counts the memory that tensors take, for tests of what claims to need little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nogd.testing.catalogue import checks_for as checks_for
    from nogd.testing.check import Check as Check
    from nogd.testing.check import CheckFailed as CheckFailed
    from nogd.testing.check import NotApplicable as NotApplicable
    from nogd.testing.decorator import parametrize_with_checks as parametrize_with_checks
    from nogd.testing.held_tensors import HeldTensors as HeldTensors
    from nogd.testing.running import Verdict as Verdict
    from nogd.testing.running import run_checks as run_checks

_WHERE = {
    "Check": "check",
    "CheckFailed": "check",
    "HeldTensors": "held_tensors",
    "NotApplicable": "check",
    "Verdict": "running",
    "checks_for": "catalogue",
    "parametrize_with_checks": "decorator",
    "run_checks": "running",
}

__all__ = [
    "Check",
    "CheckFailed",
    "HeldTensors",
    "NotApplicable",
    "Verdict",
    "checks_for",
    "parametrize_with_checks",
    "run_checks",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'nogd.testing' has no attribute {name!r}")
    return getattr(import_module(f"nogd.testing.{_WHERE[name]}"), name)
