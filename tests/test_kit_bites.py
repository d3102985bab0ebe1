"""The kit finds what it is there to find: whoever breaks one rule is told of that one."""

from __future__ import annotations

import gc

import pytest
import rule_breakers
import rule_breakers_elsewhere
import torch
from matplotlib import pyplot as plt
from rule_breakers import BREAKERS, Good
from rule_breakers_elsewhere import (
    EXECUTORS,
    FIGURES,
    GOOD_FIGURE,
    TASKS,
    Filled,
    GoodTask,
    Plain,
    Reach,
    Wrapped,
)

from nogd.plugins.manager import PluginSettings, configured
from nogd.testing import CheckFailed, NotApplicable, checks_for, parametrize_with_checks

pytestmark = pytest.mark.any_version

# Who draws from elsewhere cannot be repeated, resumed or left alone by others; a default type is what most checks use.
ALSO = {
    "Unseeded": {"global-seed-changes-nothing", "resumed-run-ends-the-same", "recorder-changes-nothing"},
    "Global": {"resumed-run-ends-the-same", "recorder-changes-nothing", "process-is-left-as-it-was"},
    "Widening": {"resumed-run-ends-the-same"},  # it has another limit by then
    "Pausing": {"every-ledger-ends-the-run"},  # a clock that goes back never ends
    "InPlace": {"improves-on-the-start"},
    "Choosy": {"budget-is-never-exceeded"},
    "Biased": {"survives-one-parameter"},  # which has no bias
    "Windy": {"all-candidates-see-the-same-episodes"},
    **{
        name: {"takes-several-inputs"}
        for name in ("Peeping", "Copying", "Exporting", "Undercharging", "Thinking")
    },
    "Overwriting": {"metric-is-sane"},  # what it compares with is another thing each time
    "Drifting": {
        "data-do-not-depend-on-the-seed",
        "each-run-gets-its-own-data",
        "making-it-leaves-the-process-alone",
    },
}
EVERYWHERE = {"Doubling", "Empty", "Meddler", "Scribbler", "Forger", "Recounting"}


@pytest.fixture(autouse=True)
def offered():
    """Some of the breakers are offered by plugins, which say something else of them."""
    gc.freeze()  # one of them looks through all objects: of other tests' there may be a million
    with configured(PluginSettings(extra=(rule_breakers.__file__, rule_breakers_elsewhere.__file__))):
        yield
    gc.unfreeze()


def check_of(subject, name):
    return next(check for check in checks_for(subject) if check.name == name)


def assert_told(subject, name, raises=False):
    """The failure is the rule's own, not an accident on the way, unless an exception is how the rule is broken."""
    with pytest.raises(CheckFailed) as failed:
        check_of(subject, name)(subject)
    assert "What to do: " in str(failed.value)
    assert (failed.value.__cause__ is not None) == raises


def is_told(subject, check):
    try:
        check(subject)
    except CheckFailed:
        return True
    except NotApplicable:
        pass
    return False


@parametrize_with_checks([Good()])
def test_a_learner_that_keeps_all_rules_passes(learner, check):
    check(learner)


@pytest.mark.parametrize("learner", BREAKERS, ids=lambda each: f"{type(each).__name__}-{each}")
def test_a_learner_that_breaks_a_rule_is_told_of_it(learner):
    if learner.breaks == "works-on-the-gpu" and not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    assert_told(learner, learner.breaks, learner.raises)


@pytest.mark.slow
@pytest.mark.parametrize("learner", BREAKERS, ids=lambda each: f"{type(each).__name__}-{each}")
def test_and_of_no_other(learner, monkeypatch):
    kind = type(learner).__name__
    if kind in EVERYWHERE:
        pytest.skip("what it breaks is used by all other checks")
    monkeypatch.setattr(rule_breakers, "LONG", 0.01)  # of a thousand steps, which no other check looks at
    others = [check for check in checks_for(learner) if check.name != learner.breaks]
    assert {check.name for check in others if is_told(learner, check)} <= ALSO.get(kind, set())


@parametrize_with_checks([GoodTask, Filled, Reach, Wrapped])
def test_a_task_that_keeps_all_rules_passes(task, check):
    check(task)


@pytest.mark.parametrize("task", TASKS)
def test_a_task_that_breaks_a_rule_is_told_of_it(task):
    assert_told(task, task.breaks, getattr(task, "raises", False))
    others = [check for check in checks_for(task) if check.name != task.breaks]
    assert {check.name for check in others if is_told(task, check)} <= ALSO.get(task.__name__, set())


@parametrize_with_checks([GOOD_FIGURE])
def test_a_figure_that_keeps_all_rules_passes(figure, check):
    check(figure)


@pytest.mark.parametrize(("breaks", "figure"), FIGURES)
def test_a_figure_that_breaks_a_rule_is_told_of_it(breaks, figure):
    opened = plt.get_fignums()
    assert_told(figure, breaks, raises=breaks == "figure-survives-hard-results")
    assert plt.get_fignums() == opened, "a check leaves the next one a figure of pyplot's"


@parametrize_with_checks([Plain])
def test_an_executor_that_keeps_all_rules_passes(executor, check):
    check(executor)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_executor_that_breaks_a_rule_is_told_of_it(executor):
    assert_told(executor, executor.breaks)


@pytest.mark.parametrize(
    ("subject", "broken"),
    [
        (Good(), {learner.breaks for learner in BREAKERS}),
        (GoodTask, {task.breaks for task in TASKS}),
        (GOOD_FIGURE, {name for name, _ in FIGURES}),
        (Plain, {executor.breaks for executor in EXECUTORS}),
    ],
    ids=["learners", "tasks", "figures", "executors"],
)
def test_each_rule_has_somebody_who_breaks_it(subject, broken):
    assert broken == {check.name for check in checks_for(subject)}
