"""How soon targets are reached: expected running times, their profiles, and shares of targets; arrays in, numbers out.

Cost arrays have the shape (pairs, learners, runs): a pair is one target of one task. `paid` is NaN where a run never
reached the target, `spent` is what it paid in all, NaN where there is no such run.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nogd.report.numbers.statistics import FloatArray

MOST = 4.0
"""How many times the best expected running time a performance profile's score looks at."""
CAP = 10.0
"""A learner without a success counts with so many budgets."""


def expected_running_time(paid: ArrayLike, spent: ArrayLike) -> FloatArray:
    """All cost that all runs spent until they reached a target, or in vain, over the number of successes.

    paid, spent: shape (..., runs). -> (...); infinite without a success, NaN without a run (Hansen et al. 2016,
    arXiv:1605.03560).
    """
    paid, spent = np.asarray(paid, dtype=float), np.asarray(spent, dtype=float)
    there, solved = ~np.isnan(spent), ~np.isnan(paid)
    total = np.sum(np.where(solved, paid, np.where(there, spent, 0.0)), axis=-1)
    successes = np.sum(solved, axis=-1)
    time = np.where(successes > 0, total / np.maximum(successes, 1), np.inf)
    return np.asarray(np.where(np.any(there | solved, axis=-1), time, np.nan))


def share_reached(paid: ArrayLike, spent: ArrayLike) -> FloatArray:
    """Share of targets that a learner's runs reached, of all that they were asked for.

    paid, spent: shape (pairs, learners, runs) -> (learners,)
    """
    solved = ~np.isnan(np.asarray(paid, dtype=float))
    asked = solved | ~np.isnan(np.asarray(spent, dtype=float))
    count = asked.sum(axis=(0, 2))
    return np.asarray(np.where(count > 0, solved.sum(axis=(0, 2)) / np.maximum(count, 1), np.nan))


def relative_time(times: ArrayLike, reference: ArrayLike, caps: ArrayLike) -> FloatArray:
    """Geometric mean over pairs of expected running time relative to the reference's; NaN are left out.

    times: shape (pairs, learners), infinity counts as the pair's cap; reference, caps: (pairs,). -> (learners,)
    """
    times, caps = np.asarray(times, dtype=float), np.asarray(caps, dtype=float)[:, None]
    ratios = np.where(np.isinf(times), caps, times) / np.asarray(reference, dtype=float)[:, None]
    known = ratios > 0
    total = np.sum(np.log(ratios, where=known, out=np.zeros_like(ratios)), axis=0)
    count = known.sum(axis=0)
    return np.asarray(np.where(count > 0, np.exp(total / np.maximum(count, 1)), np.nan))


def ratios_to_best(times: ArrayLike) -> FloatArray:
    """Expected running time over that of the pair's best learner; infinite where there is no success or no run.

    times: shape (pairs, learners) -> the same (Dolan and More 2002).
    """
    known = np.nan_to_num(np.asarray(times, dtype=float), nan=np.inf, posinf=np.inf)
    best = known.min(axis=1, keepdims=True)
    solved = np.isfinite(known)
    return np.asarray(np.divide(known, best, out=np.full_like(known, np.inf), where=solved))


def performance_profile(ratios: ArrayLike, factors: ArrayLike) -> FloatArray:
    """Share of pairs that each learner solves within so many times the best's time, of all pairs.

    ratios: shape (pairs, learners); factors: (f,) -> (f, learners).
    """
    ratios = np.asarray(ratios, dtype=float)
    within = ratios[None] <= np.asarray(factors, dtype=float)[:, None, None] * (1 + 1e-12)
    return np.asarray(within.mean(axis=1))


def profile_score(ratios: ArrayLike, most: float = MOST) -> FloatArray:
    """Mean height of the performance profile from 1 to `most`: (pairs, learners) -> (learners,), in [0, 1].

    The area under the steps is exact: a pair at ratio r adds `most - r` (Dahl et al. 2023, arXiv:2306.07179).
    """
    ratios = np.asarray(ratios, dtype=float)
    return np.asarray(np.clip(most - ratios, 0.0, most - 1).mean(axis=0) / (most - 1))


def share_within(costs: ArrayLike, asked: int, grid: ArrayLike) -> FloatArray:
    """Share of `asked` targets that were reached at each cost of a grid: (n,), (points,) -> (points,).

    costs: what was paid for each target that was reached. An empirical distribution whose denominator has the targets
    that were never reached as well (a data profile, More and Wild 2009).
    """
    ordered = np.sort(np.asarray(costs, dtype=float))
    within = np.searchsorted(ordered, np.asarray(grid, dtype=float) * (1 + 1e-12), side="right")
    return np.asarray(within / max(asked, 1))
