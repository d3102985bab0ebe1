"""Exact tests of runs that share their starts: against slow definitions, against scipy, and where nothing differs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nogd.report.numbers.paired import (
    LEVEL,
    among_all,
    block_differences,
    difference,
    exchange_p,
    exchange_p_along,
    improvement,
    improvement_interval,
    profile_exchange_p,
    smallest_p,
)
from nogd.report.numbers.running_time import expected_running_time, profile_score, ratios_to_best
from nogd.report.numbers.statistics import pooled_interquartile_mean

pytestmark = pytest.mark.any_version


def slow_improvement(ours, theirs):
    """P(a run of ours beats one of theirs), pair by pair."""
    shares = []
    for mine, other in zip(ours.T, theirs.T, strict=True):
        known = ~np.isnan(mine) & ~np.isnan(other)
        if known.any():
            won = [float(a < b) + 0.5 * float(a == b) for a, b in product(mine[known], other[known])]
            shares.append(np.mean(won))
    return np.mean(shares)


def slow_p(ours, theirs):
    """The same test, by exchanging runs one pattern after the other and counting anew."""
    blocks = ours.size
    sizes = []
    for pattern in product([False, True], repeat=blocks):
        turned = np.reshape(pattern, ours.shape)
        share = slow_improvement(np.where(turned, theirs, ours), np.where(turned, ours, theirs))
        sizes.append(abs(share - 0.5))
    return np.mean(np.array(sizes) >= sizes[0] - 1e-12)


losses = st.integers(0, 5).map(float) | st.just(np.inf)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(1, 4), st.integers(1, 2))
def test_the_test_is_that_of_all_exchanges(data, repetitions, tasks):
    ours, theirs = (
        np.array(data.draw(st.lists(losses, min_size=repetitions * tasks, max_size=repetitions * tasks)))
        for _ in range(2)
    )
    ours, theirs = ours.reshape(repetitions, tasks), theirs.reshape(repetitions, tasks)
    assert improvement(ours, theirs) == pytest.approx(slow_improvement(ours, theirs))
    assert exchange_p(block_differences(ours, theirs).reshape(-1, 1))[0] == pytest.approx(
        slow_p(ours, theirs)
    )


def test_by_hand():
    assert improvement(np.array([[1.0], [2.0]]), np.array([[1.5], [3.0]])) == 0.75
    assert improvement(np.array([[1.0, np.inf]]), np.array([[1.0, 2.0]])) == 0.25  # a tie, then a failure
    assert (
        improvement(np.array([[1.0, np.nan]]), np.array([[2.0, 2.0]])) == 1.0
    )  # what is missing counts nowhere


def test_a_learner_that_always_wins_has_the_smallest_p_that_there_is():
    for blocks in (1, 5, 6, 11):
        ours = np.zeros((blocks, 1))
        p = exchange_p(block_differences(ours, ours + 1).reshape(-1, 1))[0]
        assert p == pytest.approx(smallest_p(blocks))
    assert smallest_p(5) > LEVEL > smallest_p(6)


def test_many_blocks_are_sampled_to_the_same_p():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(40, 1)), rng.normal(0.4, size=(40, 1))
    differences = block_differences(ours, theirs)
    normal = 2 * stats.norm.sf(abs(differences.sum()) / np.sqrt((differences**2).sum()))
    assert exchange_p(differences)[0] == pytest.approx(normal, abs=0.02)


def test_shared_starts_make_a_small_difference_visible():
    rng = np.random.default_rng(1)
    start = 10 * rng.normal(size=(12, 1))
    ours, theirs = start, start + 0.5
    assert exchange_p(block_differences(ours, theirs))[0] < 0.001
    assert stats.mannwhitneyu(ours[:, 0], theirs[:, 0]).pvalue > 0.5


def test_of_two_learners_nothing_is_corrected():
    differences = np.array([[0.3], [0.2], [-0.1], [0.2], [0.1], [0.3], [0.2]])
    p = exchange_p(differences)
    assert among_all(p, differences, 2) >= p
    assert among_all(p, differences, 9) > among_all(p, differences, 3) > p


def test_along_a_curve_a_point_is_compared_with_the_largest_of_all_points():
    rng = np.random.default_rng(2)
    ours, theirs = rng.normal(size=(8, 5)), rng.normal(size=(8, 5))
    theirs[:, 2] = ours[:, 2] + 100
    found = exchange_p_along(ours, theirs)
    assert found.argmin() == 2
    assert found[2] == smallest_p(8)
    alone = [exchange_p(block_differences(ours[:, [k]], theirs[:, [k]]))[0] for k in range(5)]
    assert (found >= np.array(alone) - 1e-12).all()
    assert exchange_p_along(ours[:, :1], theirs[:, :1])[0] == pytest.approx(alone[0])


def test_where_nothing_differs_a_curve_is_called_different_once_in_twenty():
    rng = np.random.default_rng(3)
    walks = rng.normal(size=(400, 2, 10, 20)).cumsum(axis=-1)
    called = [exchange_p_along(ours, theirs).min() < LEVEL for ours, theirs in walks]
    assert np.mean(called) < 0.08


def test_profiles_are_exchanged_with_all_targets_of_a_run():
    rng = np.random.default_rng(4)
    tasks = np.array([0, 0, 1])
    spent = np.full((3, 3, 2), 100.0)
    paid = rng.integers(1, 100, size=(3, 3, 2)).astype(float)
    paid[1, 0, 1] = np.nan

    def apart(pattern):
        turned = np.reshape(pattern, (2, 1, 2))[tasks]
        pair = np.where(turned, paid[:, [1, 0]], paid[:, :2])
        times = expected_running_time(np.concatenate([pair, paid[:, 2:]], axis=1), spent)
        scores = profile_score(ratios_to_best(times))
        return abs(scores[0] - scores[1])

    sizes = [apart(pattern) for pattern in product([False, True], repeat=4)]
    expected = np.mean(np.array(sizes) >= sizes[0] - 1e-12)
    assert profile_exchange_p(paid, spent, tasks, (0, 1)) == pytest.approx(expected)


def test_the_interval_of_improvement_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    truth = stats.norm.cdf(0.5 / np.sqrt(2))
    covered = []
    for _ in range(200):
        low, high = improvement_interval(rng.normal(size=(10, 4)), rng.normal(0.5, size=(10, 4)), rng=rng)
        covered.append(low <= truth <= high)
    assert 0.90 < np.mean(covered) < 0.99


def test_the_interval_is_about_the_estimate_and_repeats_with_its_seed():
    rng = np.random.default_rng(2)
    pair = rng.normal(size=(10, 5)), rng.normal(0.5, size=(10, 5))
    low, high = improvement_interval(*pair, rng=np.random.default_rng(3))
    assert low < improvement(*pair) < high
    assert improvement_interval(*pair, rng=np.random.default_rng(3)) == (low, high)
    assert improvement_interval(*pair, rng=np.random.default_rng(4)) != (low, high)
    once = [each[:1] for each in pair]
    assert np.isnan(improvement_interval(*once, rng=rng)).all()


def test_the_difference_of_scores_leaves_shared_starts_out():
    rng = np.random.default_rng(6)
    start = rng.normal(size=(10, 3))
    value, low, high = difference(start + 0.2, start, pooled_interquartile_mean, rng=rng)
    assert (value, low, high) == pytest.approx((0.2, 0.2, 0.2))
    lacking = start.copy()
    lacking[0, 0] = np.nan
    assert difference(lacking + 0.2, start, pooled_interquartile_mean, rng=rng)[0] == pytest.approx(0.2)
    nothing = difference(start, np.full((10, 3), np.nan), pooled_interquartile_mean, rng=rng)
    assert np.isnan(nothing).all()
