"""Whether one learner's runs beat another's more often than chance explains; arrays in, numbers out.

In each task and repetition all learners start from the same parameters, so that two learners' runs come in pairs, here
called blocks. Losses have the shape (repetitions, tasks): lower is better, infinity is a failed run, NaN none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nogd.report.numbers.running_time import expected_running_time, profile_score, ratios_to_best
from nogd.report.numbers.statistics import (
    FloatArray,
    Statistic,
    bootstrap_interval,
    expanded_interval,
    ranks,
)

LEVEL = 0.05
"""A difference with a p-value below is beyond chance."""
DRAWS = 2000
_EXHAUSTIVE = 11
"""Up to so many blocks all exchanges are tried, instead of a sample."""
_SEED = 20_260_101


def block_differences(ours: FloatArray, theirs: FloatArray) -> FloatArray:
    """What each block adds to the probability that a run of ours beats one of theirs, over 1/2.

    Within a task both learners' runs are ranked together; a block adds the difference of its two ranks. The sum is the
    probability of improvement (Agarwal et al. 2021) minus 1/2. ours, theirs: shape (repetitions, tasks) -> the same; 0
    where either run is missing.
    """
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    found = np.zeros(ours.shape)
    tasks = np.flatnonzero(both.any(axis=0))
    for task in tasks:
        known = both[:, task]
        count = int(known.sum())
        ranked = ranks(np.concatenate([ours[known, task], theirs[known, task]])[None])[0]
        found[known, task] = (ranked[count:] - ranked[:count]) / (2 * count**2 * len(tasks))
    return found


def improvement(ours: FloatArray, theirs: FloatArray) -> float:
    """P(a run of ours beats one of theirs) on a task, averaged over tasks; a tie is worth a half."""
    return 0.5 + float(block_differences(ours, theirs).sum())


def exchange_p(differences: FloatArray) -> FloatArray:
    """Two-sided p-values that two learners are alike, by exchanging their runs within blocks.

    Learners that are alike could have changed places in any block: that turns the sign of its difference. Exact (up
    to 11 blocks every exchange is tried, above that 1,999 random ones and none at all), whatever the distribution
    (Pitman 1937). differences: shape (blocks, pairs) -> (pairs,). Draws nothing from outside: equal blocks, equal p.
    """
    used = differences[np.any(differences != 0, axis=1)]
    if not used.size:
        return np.ones(differences.shape[1])
    size = np.abs(_signs(len(used)) @ used)
    return np.asarray(np.mean(size >= size[0] * (1 - 1e-9) - 1e-15, axis=0))


def _signs(blocks: int) -> FloatArray:
    """Ways to exchange, shape (ways, blocks), the first of which exchanges nothing."""
    if blocks <= _EXHAUSTIVE:  # of an exchange and its opposite, which give one size, one is enough
        ways = np.arange(2 ** (blocks - 1))[:, None] >> np.arange(blocks) & 1
        return np.asarray(1.0 - 2.0 * ways, dtype=np.float64)
    signs = np.random.default_rng(_SEED).choice([-1.0, 1.0], size=(DRAWS, blocks))
    signs[0] = 1.0
    return signs


def exchange_p_along(ours: FloatArray, theirs: FloatArray) -> FloatArray:
    """P-values as of `exchange_p` along two learners' curves on one task, as sure of all points as of one.

    Whole curves are exchanged, and each point's difference is compared with the largest of all points (Westfall and
    Young 1993). ours, theirs: losses of the same repetitions, shape (repetitions, points) -> (points,); NaN is worst.
    """
    count = len(ours)
    if not count:
        return np.ones(ours.shape[1])
    ranked = ranks(np.concatenate([ours, theirs]).T)
    differences = (ranked[:, count:] - ranked[:, :count]).T
    sizes = np.abs(_signs(count) @ differences)
    return np.asarray(np.mean(sizes.max(axis=1)[:, None] >= sizes[0] * (1 - 1e-9), axis=0))


def among_all(p: FloatArray, differences: FloatArray, learners: int) -> FloatArray:
    """P-values of some pairs corrected for being picked out of all pairs of so many learners.

    Tukey's range of so many normal variables, with each pair's own variance under exchanges (Games and Howell 1976);
    never below `p`. At most one comparison in twenty then has any pair of equal learners with a value below 0.05.
    differences: shape (blocks, pairs); p: (pairs,) -> (pairs,).
    """
    from scipy.stats import studentized_range  # half a second to import

    spread = np.sqrt(np.sum(differences**2, axis=0))
    z = np.divide(np.abs(differences.sum(axis=0)), spread, out=np.zeros_like(spread), where=spread > 0)
    return np.asarray(np.maximum(p, studentized_range.sf(np.sqrt(2) * z, learners, np.inf)))


def smallest_p(blocks: int) -> float:
    """The smallest p-value that so many blocks can give, where one learner wins all of them."""
    return 2.0 ** (1 - blocks) if blocks else 1.0


def improvement_interval(
    ours: FloatArray, theirs: FloatArray, *, rng: np.random.Generator, level: float = 0.95
) -> tuple[float, float]:
    """Bootstrap interval of `improvement`, blocks resampled within each task; (nan, nan) with one repetition."""
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    tasks = np.flatnonzero(both.any(axis=0))
    sizes = both.sum(axis=0)[tasks]
    total = np.zeros(DRAWS)
    for task, count in zip(tasks, map(int, sizes), strict=True):
        mine, other = (each[both[:, task], task] for each in (ours, theirs))
        won = (mine[:, None] < other) + 0.5 * (mine[:, None] == other)
        counts = rng.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(float)
        total += np.sum((counts @ won) * counts, axis=1) / count**2
    return expanded_interval(total / max(len(tasks), 1), sizes, level)


def difference(
    ours: FloatArray, theirs: FloatArray, statistic: Statistic, *, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Ours minus theirs of a pooled statistic of scores, with its 95 % bootstrap interval.

    Blocks are resampled within each task; one that lacks either run is left out. statistic: from shape (...,
    repetitions, tasks) to (...). NaN where there is no such block; the interval is so with one repetition.
    """
    pair = np.stack([ours, theirs])
    pair = np.where(np.isnan(pair).any(axis=0), np.nan, pair)

    def apart(samples: FloatArray) -> FloatArray:
        both = statistic(samples)
        return np.asarray(both[..., 0] - both[..., 1])

    return (float(apart(pair)), *bootstrap_interval(pair, apart, rng=rng))


def profile_exchange_p(
    paid: FloatArray, spent: FloatArray, tasks: NDArray[np.int_], pair: tuple[int, int]
) -> float:
    """Two-sided p-value that two learners have equal performance profiles, by exchanging their runs within blocks.

    All targets of a run are exchanged together. paid, spent: shape (pairs, learners, runs), see
    `nogd.report.numbers.running_time`; tasks: the number of each pair's task, (pairs,); pair: the two learners.
    """
    others = [np.delete(costs, pair, axis=1) for costs in (paid, spent)]
    rest = np.nan_to_num(expected_running_time(*others), nan=np.inf).min(axis=1, initial=np.inf)
    mine, runs = (paid[:, pair], spent[:, pair]), paid.shape[2]
    signs = _signs((int(tasks.max()) + 1) * runs)
    sizes = []
    for way in signs.reshape(len(signs), -1, 1, runs) < 0:
        exchanged = [np.where(way[tasks], costs[:, ::-1], costs) for costs in mine]
        times = np.column_stack([expected_running_time(*exchanged), rest])
        ours, theirs, *_ = profile_score(ratios_to_best(times))
        sizes.append(abs(ours - theirs))
    return float(np.mean(np.asarray(sizes) >= sizes[0] - 1e-12))
