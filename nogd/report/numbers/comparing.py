"""Whether several learners differ in their ranks: Friedman's test and critical difference; arrays in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nogd.report.numbers.statistics import FloatArray


@dataclass(frozen=True)
class Friedman:
    """Statistic and p-value of Friedman's test that all learners rank alike, and Iman and Davenport's correction of it.

    f, f_p: the latter's, less cautious with few blocks; see `iman_davenport`.
    """

    statistic: float
    p: float
    f: float
    f_p: float


def friedman(losses: ArrayLike) -> Friedman:
    """Friedman's test over blocks, corrected for ties; p is 1 where every block is one single tie.

    losses: shape (blocks, learners), at least three learners; infinity is the worst.
    """
    from scipy.stats import friedmanchisquare, rankdata  # half a second to import

    ranked = rankdata(np.asarray(losses, dtype=float), axis=1)
    if np.all(ranked == ranked[:, :1]):
        return Friedman(0.0, 1.0, 0.0, 1.0)
    found = friedmanchisquare(*ranked.T)
    statistic = float(found.statistic)
    return Friedman(statistic, float(found.pvalue), *iman_davenport(statistic, *ranked.shape))


def iman_davenport(statistic: float, blocks: int, learners: int) -> tuple[float, float]:
    """F and p of Iman and Davenport (1980) from Friedman's statistic, which is too cautious (Demsar 2006, 3.2.2).

    F has learners - 1 and (learners - 1) (blocks - 1) degrees of freedom; it is infinite where all blocks agree.
    """
    from scipy.stats import f

    freedom = learners - 1
    left = blocks * freedom - statistic
    if left <= 1e-9 * blocks * freedom:
        return np.inf, 0.0
    found = (blocks - 1) * statistic / left
    return found, float(f.sf(found, freedom, freedom * (blocks - 1)))


def nemenyi_quantile(learners: int, alpha: float = 0.05) -> float:
    """q_alpha of Demsar (2006), Table 5: the studentized range statistic over sqrt(2)."""
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - alpha, learners, np.inf) / np.sqrt(2))


def critical_difference(learners: int, tasks: int, alpha: float = 0.05) -> float:
    """How far two mean ranks must lie apart to differ by Nemenyi's test (Demsar 2006, section 3.2.2)."""
    return nemenyi_quantile(learners, alpha) * float(np.sqrt(learners * (learners + 1) / (6 * tasks)))


def not_told_apart(mean_ranks: Sequence[float], difference: float) -> list[tuple[int, int]]:
    """Largest groups whose mean ranks lie closer than `difference`, as first and last place (both included).

    mean_ranks: ascending. Groups of one learner are left out.
    """
    ranks = np.asarray(mean_ranks, dtype=float)
    ends = np.searchsorted(ranks, ranks + difference, side="left") - 1
    groups: list[tuple[int, int]] = []
    for first, last in enumerate(map(int, ends)):
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return groups


def holm(p_values: ArrayLike) -> FloatArray:
    """P-values adjusted for their number by Holm's step-down rule (1979); shape (n,) -> (n,)."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
