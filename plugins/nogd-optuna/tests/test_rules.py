"""Every learner of this package keeps nogd's rules."""

from __future__ import annotations

import nogd_optuna

from nogd.testing import parametrize_with_checks


@parametrize_with_checks([offered.load()() for offered in nogd_optuna.nogd_learners()])
def test_nogd_rules(learner, check):
    check(learner)
