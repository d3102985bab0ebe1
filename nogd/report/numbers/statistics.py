"""Estimators of the report: arrays in, numbers out; no file, no plot, no hidden randomness."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Statistic = Callable[[FloatArray], FloatArray]

ENOUGH_FOR_BOOTSTRAP = 10
"""From so many repetitions on an interval is a bootstrap interval; below, it is the minimum and the maximum."""
ENOUGH_FOR_A_LOOK = 5
"""With fewer repetitions, minimum and maximum lie apart too easily to say who is ahead."""


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


def stratified_bootstrap(
    scores: FloatArray, statistic: Statistic, *, rng: np.random.Generator, draws: int = 2000
) -> FloatArray:
    """Values of a statistic under resampling of the repetitions, within each task by itself; shape (draws,).

    scores: shape (repetitions, tasks), NaN where a run is missing; a task's missing runs are never drawn.
    statistic: from shape (draws, repetitions, tasks) to (draws,).
    """
    samples = np.full((draws, *scores.shape), np.nan)
    for task, column in enumerate(scores.T):
        present = column[~np.isnan(column)]
        if present.size:
            chosen = rng.integers(present.size, size=(draws, present.size))
            samples[:, : present.size, task] = present[chosen]
    return statistic(samples)


def bootstrap_interval(
    scores: FloatArray,
    statistic: Statistic,
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 2000,
) -> tuple[float, float]:
    """Percentile interval of a statistic by stratified bootstrap (see `stratified_bootstrap`)."""
    values = stratified_bootstrap(scores, statistic, rng=rng, draws=draws)
    return _percentiles(values, level)


def score_interval(
    scores: FloatArray, statistic: Statistic = pooled_interquartile_mean, *, rng: np.random.Generator
) -> tuple[float, float]:
    """How sure a pooled statistic is: the 95 % bootstrap interval from 10 repetitions on.

    Below that, the smallest and the largest value that one repetition by itself gives, with the statistic between
    them; one repetition alone has no interval: (nan, nan).

    scores: shape (repetitions, tasks), NaN where a run is missing.
    """
    if np.sum(np.any(~np.isnan(scores), axis=1)) < 2:
        return (np.nan, np.nan)
    if scores.shape[0] >= ENOUGH_FOR_BOOTSTRAP:
        return bootstrap_interval(scores, statistic, rng=rng)
    alone = statistic(scores[:, None, :])
    values = [*alone[~np.isnan(alone)], float(statistic(scores[None])[0])]
    return (float(min(values)), float(max(values)))


def band(
    values: FloatArray, *, rng: np.random.Generator, level: float = 0.95, draws: int = 1000
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper edge around the interquartile mean of curves: shape (repetitions, points) -> two (points,).

    Minimum and maximum below 10 repetitions; from there on a bootstrap interval, at each point by itself.
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
        edges[:, points] = np.quantile(means, ((1 - level) / 2, (1 + level) / 2), axis=0)
    return edges[0], edges[1]


def _resampling_weights(count: int, draws: int, rng: np.random.Generator) -> FloatArray:
    """Weights of ordered values in the interquartile means of resamples; shape (draws, count), rows sum to 1.

    A resample of ordered values with ordered indices is ordered itself, so that its interquartile mean is one product
    with weights that do not depend on the values: thousands of points cost one sort and one matrix product.
    """
    cut = count // 4
    kept = np.sort(rng.integers(count, size=(draws, count)), axis=1)[:, cut : count - cut]
    weights = np.zeros((draws, count))
    np.add.at(weights, (np.arange(draws)[:, None], kept), 1 / kept.shape[1])
    return weights


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


def _percentiles(values: FloatArray, level: float) -> tuple[float, float]:
    values = values[~np.isnan(values)]
    if values.size == 0:
        return (np.nan, np.nan)
    tail = (1 - level) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return (float(low), float(high))


def _extremes(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    known = ~np.isnan(values)
    low = np.min(values, axis=0, where=known, initial=np.inf)
    high = np.max(values, axis=0, where=known, initial=-np.inf)
    some = known.any(axis=0)
    return np.where(some, low, np.nan), np.where(some, high, np.nan)
