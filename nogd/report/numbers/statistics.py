"""Estimators of the report: arrays in, numbers out; no file, no plot, no hidden randomness."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Statistic = Callable[[FloatArray], FloatArray]

ENOUGH_FOR_BOOTSTRAP = 10
"""From so many repetitions on a bootstrap interval holds what it says; below, it is rough, and a curve's band is its
minimum and maximum."""
ENOUGH_FOR_A_LOOK = 5
"""With fewer repetitions a bootstrap interval of few tasks is much too narrow."""


def interquartile_mean(values: ArrayLike, axis: int = -1) -> FloatArray:
    """Mean of the middle half along an axis; NaN are left out, and nothing but NaN gives NaN.

    A quarter of the values, rounded down, is cut from each end, as in `scipy.stats.trim_mean(values, 0.25)`.
    """
    ordered = np.sort(np.moveaxis(np.asarray(values, dtype=float), axis, -1), axis=-1)
    count = np.sum(~np.isnan(ordered), axis=-1, keepdims=True)
    cut = count // 4
    place = np.arange(ordered.shape[-1])
    kept = (place >= cut) & (place < count - cut)
    total = np.sum(ordered, axis=-1, where=kept)
    size = kept.sum(axis=-1)
    return np.asarray(np.where(size > 0, total / np.maximum(size, 1), np.nan))


def pooled_interquartile_mean(scores: FloatArray) -> FloatArray:
    """Interquartile mean over repetitions and tasks together; shape (..., repetitions, tasks) -> (...)."""
    return interquartile_mean(scores.reshape(*scores.shape[:-2], -1))


def pooled_score(scores: FloatArray, learner: str) -> tuple[float, float, float]:
    """Interquartile mean over repetitions and tasks together, and its 95 % bootstrap interval; NaN without any value.

    scores: shape (repetitions, tasks). learner: the random numbers depend on its name alone.
    """
    if np.isnan(scores).all():
        return (np.nan, np.nan, np.nan)
    rng = np.random.default_rng(zlib.crc32(learner.encode()))
    interval = bootstrap_interval(scores, pooled_interquartile_mean, rng=rng)
    return (float(pooled_interquartile_mean(scores)), *interval)


def stratified_bootstrap(
    scores: FloatArray, statistic: Statistic, *, rng: np.random.Generator, draws: int = 2000
) -> FloatArray:
    """Values of a statistic under resampling of the repetitions, within each task by itself; shape (draws,).

    scores: shape (..., repetitions, tasks), NaN where a run is missing, which is never drawn. Of several such matrices
    the same repetitions are drawn, and a repetition that one lacks is drawn of none.
    statistic: from shape (draws, ..., repetitions, tasks) to (draws,).
    """
    samples = np.full((draws, *scores.shape), np.nan)
    known = _known(scores)
    for task in range(scores.shape[-1]):
        present = scores[..., known[:, task], task]
        size = present.shape[-1]
        if size:
            chosen = present[..., rng.integers(size, size=(draws, size))]
            samples[..., :size, task] = np.moveaxis(chosen, -2, 0)
    return statistic(samples)


def _known(scores: FloatArray) -> NDArray[np.bool_]:
    """Which repetitions are there: shape (..., repetitions, tasks) -> (repetitions, tasks)."""
    missing = np.isnan(scores)
    return np.asarray(~missing.any(axis=tuple(range(scores.ndim - 2))))


def bootstrap_interval(
    scores: FloatArray,
    statistic: Statistic,
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 2000,
) -> tuple[float, float]:
    """Expanded percentile interval of a statistic by stratified bootstrap; (nan, nan) with one repetition.

    See `stratified_bootstrap` and `expanded_interval`. With fewer than 10 repetitions it is rough.
    """
    values = stratified_bootstrap(scores, statistic, rng=rng, draws=draws)
    return expanded_interval(values, _known(scores).sum(axis=0), level)


def expanded_interval(values: FloatArray, sizes: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Interval from bootstrap values, as wide as few repetitions demand (Hesterberg 2015, section 5.4.3).

    A plain percentile interval is too narrow: resamples of n runs vary by a factor sqrt((n - 1) / n) too little, and
    its ends are a normal distribution's in place of Student's. values: shape (draws,); sizes: how many runs of each
    stratum there were; (nan, nan) where no stratum has two.
    """
    found, counts = values[~np.isnan(values)], np.asarray(sizes)[np.asarray(sizes) > 0]
    if found.size == 0 or not np.any(counts > 1):
        return (np.nan, np.nan)
    tail = _expanded_tail(counts, level)
    low, high = np.quantile(found, (tail, 1 - tail))
    return (float(low), float(high))


def expanded_intervals(values: FloatArray, count: int, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """The same for many statistics of one stratum of `count` runs: shape (draws, statistics) -> two (statistics,)."""
    if count < 2 or not values.size:
        return (np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan))
    tail = _expanded_tail(np.array([count]), level)
    low, high = np.quantile(values, (tail, 1 - tail), axis=0)
    return low, high


def _expanded_tail(counts: NDArray[np.int_], level: float) -> float:
    """The share of resamples that an expanded interval leaves out on each side."""
    from scipy.special import ndtr, stdtrit

    freedom = int(np.sum(counts - 1))
    return float(ndtr(np.sqrt(counts.sum() / freedom) * stdtrit(freedom, (1 - level) / 2)))


def band(
    values: FloatArray, *, rng: np.random.Generator, level: float = 0.95, draws: int = 1000
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper edge around the interquartile mean of curves: shape (repetitions, points) -> two (points,).

    Minimum and maximum below 10 repetitions; from there on an expanded bootstrap interval, at each point by itself.
    """
    if values.shape[0] < ENOUGH_FOR_BOOTSTRAP:
        return _extremes(values)
    ordered = np.sort(values, axis=0)  # NaN go to the end
    counts = np.sum(~np.isnan(values), axis=0)
    edges = np.full((2, values.shape[1]), np.nan)
    for count in np.unique(counts[counts > 0]):
        weights = _resampling_weights(int(count), draws, rng)
        points = np.flatnonzero(counts == count)
        means = weights @ ordered[:count, points]
        tail = _expanded_tail(np.array([count]), level) if count > 1 else 0.0
        edges[:, points] = np.quantile(means, (tail, 1 - tail), axis=0)
    return edges[0], edges[1]


def _resampling_weights(count: int, draws: int, rng: np.random.Generator) -> FloatArray:
    """Weights of ordered values in the interquartile means of resamples; shape (draws, count), rows sum to 1.

    A resample of ordered values with ordered indices is ordered itself, so that its interquartile mean is one product
    with weights that do not depend on the values: thousands of points cost one sort and one matrix product.
    """
    cut = count // 4
    kept = np.sort(rng.integers(count, size=(draws, count)), axis=1)[:, cut : count - cut]
    places = (count * np.arange(draws)[:, None] + kept).ravel()
    shares = np.full(len(places), 1 / kept.shape[1])
    return np.asarray(np.bincount(places, shares, draws * count).reshape(draws, count), dtype=float)


def ranks(losses: ArrayLike) -> FloatArray:
    """Ranks within each row, 1 for the lowest loss; equals share their mean rank; NaN and infinity share the worst.

    losses: shape (blocks, learners). A quarter of a million entries at a time is as much as this is made for.
    """
    values = np.asarray(losses, dtype=float)
    values = np.where(np.isfinite(values), values, np.inf)
    mine, other = values[..., :, None], values[..., None, :]
    lower = np.sum(other < mine, axis=-1)
    equal = np.sum(other == mine, axis=-1)
    return np.asarray(lower + (equal + 1) / 2)


def mean_ranks(losses: ArrayLike) -> FloatArray:
    """Mean rank of each learner over the blocks; shape (blocks, learners) -> (learners,)."""
    values = np.asarray(losses, dtype=float)
    if values.shape[0] == 0:
        return np.full(values.shape[1], np.nan)
    return np.asarray(ranks(values).mean(axis=0))


def normalised_score(
    metric: ArrayLike, constant: ArrayLike, reference: ArrayLike, greater_is_better: ArrayLike
) -> FloatArray:
    """How far a metric came from the best constant predictor (0) to the frozen reference (1); more is better.

    NaN where one of the two is missing, or the reference is no better than the constant predictor: there is no such
    scale then.
    """
    constant, reference = finite_values(constant), finite_values(reference)
    way = reference - constant
    towards_better = np.where(greater_is_better, way, -way)
    usable = towards_better > 1e-9 * np.maximum(1.0, np.abs(constant))
    return np.asarray((np.asarray(metric, dtype=float) - constant) / np.where(usable, way, np.nan))


def finite_values(values: ArrayLike) -> FloatArray:
    """The values, NaN where they are infinite."""
    given = np.asarray(values, dtype=float)
    return np.asarray(np.where(np.isfinite(given), given, np.nan))


def digits(values: FloatArray, number: int) -> FloatArray:
    """The values with so many significant digits."""
    return np.array([float(f"{value:.{number}g}") for value in values])


def _extremes(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    known = ~np.isnan(values)
    low = np.min(values, axis=0, where=known, initial=np.inf)
    high = np.max(values, axis=0, where=known, initial=-np.inf)
    some = known.any(axis=0)
    return np.where(some, low, np.nan), np.where(some, high, np.nan)
