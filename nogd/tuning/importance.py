"""Which hyper-parameters mattered in a search: functional ANOVA of what its trials came to."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from nogd.tuning.dimension import OUTSIDE, Dimension
from nogd.tuning.search import Trial, quiet_optuna

if TYPE_CHECKING:
    import optuna

ENOUGH = 10
"""Trials; a forest of fewer tells the noise of their runs."""


def importance(done: Sequence[Trial], space: Sequence[Dimension]) -> dict[str, float]:
    """The share of the differences between trials that each hyper-parameter explains by itself, the largest first.

    By functional ANOVA of a random forest (Hutter, Hoos and Leyton-Brown 2014), Optuna's, scaled to a sum of 1. The
    forest sees the ranks of trials, so that a few that diverged do not outweigh all others.

    :param done: the trials.
    :param space: the hyper-parameters that were searched.
    :returns: shares by name; empty with fewer than ENOUGH trials, and where all came to the same.
    """
    worths = np.array([trial.worth.value for trial in done], dtype=float)
    if len(done) < ENOUGH or np.ptp(worths) == 0.0:
        return {}
    with quiet_optuna() as library:
        evaluator = library.importance.FanovaImportanceEvaluator(seed=0)
        study = library.create_study()
        for trial, rank in zip(done, np.unique(worths, return_inverse=True)[1], strict=True):
            study.add_trial(_placed(library, trial, space, float(rank)))
        found = library.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items()}


def _placed(
    library: ModuleType, trial: Trial, space: Sequence[Dimension], rank: float
) -> optuna.trial.FrozenTrial:
    """A trial in which each hyper-parameter is its place within its range; choices have no order."""
    distributions = library.distributions
    of_numbers = distributions.FloatDistribution(OUTSIDE, 1.0)
    told: optuna.trial.FrozenTrial = library.trial.create_trial(
        params={each.name: each.place(trial.settings[each.name]) for each in space},
        distributions={
            each.name: distributions.CategoricalDistribution(each.places)
            if each.kind == "choice"
            else of_numbers
            for each in space
        },
        value=rank,
    )
    return told
