from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, norm, rankdata, t, trim_mean

from nogd.report.numbers.curves import budget_grid, carried_forward
from nogd.report.numbers.statistics import (
    band,
    bootstrap_interval,
    interquartile_mean,
    mean_ranks,
    normalised_score,
    pooled_interquartile_mean,
    ranks,
    stratified_bootstrap,
)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("size", range(1, 14))
def test_interquartile_mean_is_scipys_trimmed_mean(size):
    values = random(size).normal(size=(3, size))
    assert interquartile_mean(values) == pytest.approx(trim_mean(values, 0.25, axis=1))


def test_interquartile_mean_by_hand():
    assert interquartile_mean([1.0, 2.0, 3.0, 100.0]) == 2.5
    assert interquartile_mean([5.0]) == 5.0


def test_interquartile_mean_leaves_out_what_is_missing():
    values = np.array([[1.0, np.nan, 2.0, 3.0, 100.0], [np.nan] * 5])
    found = interquartile_mean(values)
    assert found[0] == 2.5
    assert np.isnan(found[1])


def test_interquartile_mean_along_another_axis():
    values = random().normal(size=(7, 3))
    assert interquartile_mean(values, axis=0) == pytest.approx(trim_mean(values, 0.25, axis=0))


def test_interquartile_mean_is_not_the_mean():
    assert interquartile_mean([1.0, 2.0, 3.0, 100.0]) != np.mean([1.0, 2.0, 3.0, 100.0])


def test_bootstrap_interval_is_scipys_with_its_ends_moved_outwards():
    values = random(1).normal(size=40)
    mine = bootstrap_interval(values[:, None], pooled_interquartile_mean, rng=random(2), draws=20_000)
    outwards = 2 * norm.cdf(np.sqrt(40 / 39) * t.ppf(0.025, 39))
    theirs = bootstrap(
        (values,),
        lambda sample, axis: trim_mean(sample, 0.25, axis=axis),
        method="percentile",
        confidence_level=1 - outwards,
        n_resamples=20_000,
        random_state=random(3),
    ).confidence_interval
    assert mine == pytest.approx(tuple(theirs), abs=0.02)


def test_bootstrap_resamples_within_tasks_only():
    scores = np.column_stack([np.full(10, 1.0), np.full(10, 5.0)])
    draws = stratified_bootstrap(scores, lambda sample: sample.mean(axis=(1, 2)), rng=random())
    assert draws == pytest.approx(np.full(2000, 3.0))


def test_bootstrap_never_draws_a_missing_run():
    scores = np.array([[1.0, 7.0], [1.0, np.nan], [1.0, np.nan]])
    draws = stratified_bootstrap(scores, lambda sample: np.nansum(sample, axis=(1, 2)), rng=random())
    assert set(draws) == {10.0}


def test_bootstrap_uses_the_generator_it_is_given():
    scores = random().normal(size=(12, 3))
    once, again, other = (
        bootstrap_interval(scores, pooled_interquartile_mean, rng=random(seed)) for seed in (4, 4, 5)
    )
    assert once == again
    assert once != other


def test_the_interval_holds_the_score_however_few_repetitions_there_are():
    for seed in range(200):
        scores = random(seed).standard_cauchy(size=(3, 5))
        low, high = bootstrap_interval(scores, pooled_interquartile_mean, rng=random())
        assert low <= pooled_interquartile_mean(scores) <= high


def test_more_repetitions_give_a_narrower_interval():
    wide, narrow = (
        np.ptp(bootstrap_interval(random(6).normal(size=(count, 4)), pooled_interquartile_mean, rng=random()))
        for count in (5, 50)
    )
    assert narrow < wide / 2


def test_several_matrices_are_resampled_together():
    scores = random(7).normal(size=(6, 3))
    draws = stratified_bootstrap(
        np.stack([scores, scores + 1]), lambda both: np.ptp(both, axis=1).max(axis=(1, 2)), rng=random()
    )
    assert draws == pytest.approx(np.ones(2000))


@pytest.mark.parametrize("scores", [np.full((5, 2), np.nan), np.ones((1, 4))])
def test_no_interval_without_two_runs_of_a_task(scores):
    assert np.isnan(bootstrap_interval(scores, pooled_interquartile_mean, rng=random())).all()


def test_band_below_ten_is_minimum_and_maximum():
    low, high = band(np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]]), rng=random())
    assert (low[0], high[0]) == (1.0, 3.0)
    assert np.isnan([low[1], high[1]]).all()


def test_band_from_ten_on_is_a_plain_bootstrap():
    values = random(7).normal(size=(15, 3))
    values[0, 2] = np.nan
    low, high = band(values, rng=random(8), draws=20_000)
    for point in range(3):
        known = values[~np.isnan(values[:, point]), point]
        plain = bootstrap_interval(known[:, None], pooled_interquartile_mean, rng=random(9), draws=20_000)
        assert (low[point], high[point]) == pytest.approx(plain, abs=0.03)


def test_ranks_are_scipys():
    losses = random(10).integers(0, 4, size=(30, 6)).astype(float)
    assert ranks(losses) == pytest.approx(rankdata(losses, axis=1))


def test_failures_share_the_worst_rank():
    assert list(ranks([[0.2, np.nan, 0.1, np.inf]])[0]) == [2.0, 3.5, 1.0, 3.5]


def test_mean_ranks_by_hand():
    losses = [[1.0, 2.0, 3.0], [2.0, 2.0, np.inf]]
    assert list(mean_ranks(losses)) == [1.25, 1.75, 3.0]
    assert np.isnan(mean_ranks(np.empty((0, 3)))).all()


def test_normalised_score_by_hand():
    assert normalised_score(0.8, 0.5, 0.9, True) == pytest.approx(0.75)
    assert normalised_score(4.0, 10.0, 2.0, False) == pytest.approx(0.75)
    assert normalised_score(12.0, 10.0, 2.0, False) == pytest.approx(-0.25)


@pytest.mark.parametrize("reference", [np.nan, 0.5, 0.4])
def test_no_score_without_a_reference_that_beats_the_constant(reference):
    assert np.isnan(normalised_score(0.8, 0.5, reference, True))


@pytest.mark.parametrize("constant", [np.nan, np.inf, -np.inf])
def test_no_score_without_a_constant_predictor(constant):
    assert np.isnan(normalised_score(0.8, constant, 0.9, True))
    assert np.isnan(normalised_score(0.8, 0.5, abs(constant), True))


def test_a_wrong_direction_would_be_seen():
    assert np.isnan(normalised_score(0.8, 0.5, 0.9, False))


def test_budget_grid_has_twelve_points_a_decade():
    grid = budget_grid(1.0, 1000.0)
    assert len(grid) == 37
    assert grid[[0, 12, 36]] == pytest.approx([1.0, 10.0, 1000.0])
    assert list(budget_grid(5.0, 5.0)) == [5.0]


def test_last_value_is_carried_forward():
    cost, values = np.array([0.0, 10.0, 100.0]), np.array([5.0, 3.0, 1.0])
    grid = np.array([1.0, 9.9, 10.0, 50.0, 1000.0])
    assert list(carried_forward(cost, values, grid)) == [5.0, 5.0, 3.0, 3.0, 1.0]


def test_values_that_are_not_finite_are_never_carried():
    cost, values = np.array([2.0, 10.0, 100.0]), np.array([5.0, np.nan, np.inf])
    assert list(carried_forward(cost, values, np.array([1.0, 10.0, 100.0]), start=9.0)) == [9.0, 5.0, 5.0]
    assert list(carried_forward(np.empty(0), np.empty(0), np.array([1.0, 2.0]), start=9.0)) == [9.0, 9.0]
