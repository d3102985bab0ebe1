"""Some learners of this package keep nogd's rules: with a moment, with two shapes of state, with a closure."""

from __future__ import annotations

from nogd.testing import parametrize_with_checks
from nogd.training.names import build

SOME = ("torch-adamw,lr=0.05,rows=5", "torch-adafactor", "torch-rprop", "torch-lbfgs", "torch-muon")


@parametrize_with_checks([build(name) for name in SOME])
def test_nogd_rules(learner, check):
    check(learner)
