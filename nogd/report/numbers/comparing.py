"""Whether learners differ: Friedman's test, critical difference, probability of improvement; arrays in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nogd.report.numbers.statistics import FloatArray

DRAWS = 2000


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


def wins(ours: ArrayLike, theirs: ArrayLike) -> FloatArray:
    """For every pair of runs 1 where ours has the lower loss, 0.5 on a tie, 0 otherwise.

    ours: shape (n, ...), theirs: (m, ...) -> (n, m, ...). Infinity is a failed run.
    """
    mine, other = np.asarray(ours, dtype=float)[:, None], np.asarray(theirs, dtype=float)[None, :]
    return np.asarray((mine < other) + 0.5 * (mine == other))


def probability_of_improvement(ours: Sequence[ArrayLike], theirs: Sequence[ArrayLike]) -> float:
    """P(a run of ours beats a run of theirs) on a task, averaged over tasks (Agarwal et al. 2021).

    ours, theirs: losses of the runs, one array per task.
    """
    return float(np.mean([wins(mine, other).mean() for mine, other in zip(ours, theirs, strict=True)]))


def improvement_interval(
    ours: Sequence[ArrayLike],
    theirs: Sequence[ArrayLike],
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = DRAWS,
) -> tuple[float, float]:
    """Percentile interval of `probability_of_improvement`, runs resampled within task and learner."""
    total = np.zeros(draws)
    for mine, other in zip(ours, theirs, strict=True):
        table = wins(mine, other)
        n, m = table.shape
        left, right = _counts(n, draws, rng), _counts(m, draws, rng)
        total += np.sum((left @ table) * right, axis=1) / (n * m)
    low, high = np.quantile(total / len(ours), ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def _counts(size: int, draws: int, rng: np.random.Generator) -> FloatArray:
    """How often each of `size` runs is in each resample; shape (draws, size)."""
    return rng.multinomial(size, np.full(size, 1 / size), size=draws).astype(float)


def improvement_p(ours: Sequence[ArrayLike], theirs: Sequence[ArrayLike]) -> FloatArray:
    """Two-sided p that on no task runs of ours and theirs differ: Mann-Whitney's test, summed over tasks.

    One array per task, of shape (runs, ...), the other axes being tested each by itself. By normal approximation,
    corrected for ties and continuity: for a single task it is `scipy.stats.mannwhitneyu(method="asymptotic")`.
    """
    excess, variance, step = np.zeros(1), np.zeros(1), np.inf
    pairs = zip(map(_floats, ours), map(_floats, theirs), strict=True)
    for mine, other in pairs:
        excess = excess + wins(mine, other).mean(axis=(0, 1)) - 0.5
        variance = variance + _variance(mine, other)
        step = min(step, 0.5 / (len(mine) * len(other)))
    from scipy.stats import norm

    size = np.maximum(np.abs(excess) - step, 0.0)
    z = np.divide(size, np.sqrt(variance), out=np.zeros_like(size), where=variance > 0)
    return np.asarray(2 * norm.sf(z)).reshape(np.shape(ours[0])[1:])


def _floats(values: ArrayLike) -> FloatArray:
    return np.asarray(values, dtype=float)


def _variance(ours: FloatArray, theirs: FloatArray) -> FloatArray:
    """Variance of the share of pairs won where both have one distribution; ties make it smaller."""
    n, m = len(ours), len(theirs)
    both = np.concatenate([ours, theirs])
    tied = np.sum(both[:, None] == both[None, :], axis=1)
    ties = np.sum(tied.astype(float) ** 2 - 1, axis=0)
    total = n + m
    return np.asarray((total + 1 - ties / (total * (total - 1))) / (12 * n * m))


def holm(p_values: ArrayLike) -> FloatArray:
    """P-values adjusted for their number by Holm's step-down rule (1979); shape (n,) -> (n,)."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
