"""Everything that ships with nogd keeps the rules that plugins are held to."""

from __future__ import annotations

import pytest

from nogd.plugins.manager import Plugins, PluginSettings
from nogd.testing import parametrize_with_checks
from nogd.training.names import build

pytestmark = pytest.mark.any_version

BUILT_IN = Plugins(PluginSettings(thirdparty=False))
# Settings that take another way through a learner's code.
VARIANTS = (
    "adam,rows=5,plateau=true",
    "adam,checkpointing=true",
    "sgd,momentum=0,rows=7",
    "grid-search,points=3,bias-points=5,early-stopping=false",
    "random-search,population=1",
    "random-search+exact-line",
    "restarts(random-search+exact-line),scheme=bipop",
)


def known(learner):
    if str(learner).startswith("grid-search,points=3"):
        return {
            "improves-on-the-start": "the present value is not tried, and all values of so coarse a grid are worse"
        }
    return {}


@parametrize_with_checks([*(entry.load()() for entry in BUILT_IN.learners), *map(build, VARIANTS)], known)
def test_learner(learner, check):
    check(learner)


@parametrize_with_checks([entry.load() for entry in BUILT_IN.tasks])
def test_task(task, check):
    check(task)


@parametrize_with_checks([entry.load() for entry in BUILT_IN.figures])
def test_figure(figure, check):
    check(figure)


@parametrize_with_checks([entry.load() for entry in BUILT_IN.executors])
def test_executor(executor, check):
    check(executor)


def test_none_was_left_out():
    assert len(BUILT_IN.learners) >= 6
    assert len(BUILT_IN.tasks) >= 10
    assert len(BUILT_IN.figures) >= 6
    assert len(BUILT_IN.executors) >= 2
