"""The kit finds what it is there to find: whoever breaks one rule is told of that one."""

from __future__ import annotations

import pytest
import rule_breakers
import torch

from nogd.testing import CheckFailed, checks_for, parametrize_with_checks

NO_GPU = not torch.cuda.is_available()


def named(subject, name):
    return next(check for check in checks_for(subject) if check.name == name)


@parametrize_with_checks([rule_breakers.Good()])
def test_a_learner_that_keeps_all_rules_passes(learner, check):
    check(learner)


@pytest.mark.parametrize("learner", rule_breakers.BREAKERS, ids=lambda each: f"{type(each).__name__}-{each}")
def test_a_learner_that_breaks_a_rule_is_told_of_it(learner):
    if learner.breaks == "works-on-the-gpu" and NO_GPU:
        pytest.skip("there is no GPU here")
    with pytest.raises(CheckFailed) as failed:
        named(learner, learner.breaks)(learner)
    assert "What to do: " in str(failed.value)


def test_each_rule_for_learners_has_somebody_who_breaks_it():
    broken = {learner.breaks for learner in rule_breakers.BREAKERS}
    assert broken == {check.name for check in checks_for(rule_breakers.Good())}
