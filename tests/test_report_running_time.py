"""Tests of running times and profiles against hand-computed cases and slow, obvious versions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ecdf, gmean

from nogd.report.numbers.running_time import (
    expected_running_time,
    performance_profile,
    profile_score,
    ratios_to_best,
    relative_time,
    share_reached,
    share_within,
)

NAN, INF = np.nan, np.inf
# The two solvers of a hand-made performance profile: ratios 1, 1, 3, inf and 2, 1, 1, inf.
TIMES = np.array([[10.0, 20.0], [5.0, 5.0], [30.0, 10.0], [INF, INF]])
RATIOS = np.array([[1.0, 2.0], [1.0, 1.0], [3.0, 1.0], [INF, INF]])


def test_expected_running_time_by_hand():
    # Two successes after 10 and 30, one run that spent 100 in vain: 140 for two successes.
    assert expected_running_time([10, 30, NAN], [50, 60, 100]) == 70
    assert expected_running_time([NAN, NAN], [100, 100]) == INF
    assert expected_running_time([10, NAN], [50, NAN]) == 10  # the second run was never made
    assert np.isnan(expected_running_time([NAN], [NAN]))


def test_the_expected_running_time_of_restarts_is_what_they_cost():
    """With restarts until a success, the mean cost of many tries is the expected running time."""
    rng = np.random.default_rng(0)
    wins, cost = rng.random(200_000) < 0.25, rng.exponential(3.0, 200_000)
    paid, spent = np.where(wins, cost, np.nan), np.where(wins, cost, 20.0)
    tries = np.flatnonzero(wins)
    each = np.add.reduceat(spent, np.r_[0, tries[:-1] + 1])[: len(tries)]
    assert float(expected_running_time(paid, spent)) == pytest.approx(each.mean(), rel=1e-3)
    assert each.mean() == pytest.approx(3 * 20 + 3, rel=0.02)


def test_share_reached_counts_what_was_asked_for():
    paid = np.array([[[1.0, NAN], [NAN, NAN]], [[2.0, 3.0], [4.0, NAN]]])
    spent = np.array([[[9.0, 9.0], [9.0, 9.0]], [[9.0, 9.0], [9.0, NAN]]])
    assert share_reached(paid, spent) == pytest.approx([0.75, 1 / 3])
    assert np.isnan(share_reached(np.full((1, 1, 1), NAN), np.full((1, 1, 1), NAN)))[0]


def test_relative_time_is_scipys_geometric_mean_and_caps_what_never_came():
    times = np.array([[10.0, 40.0], [90.0, INF]])
    found = relative_time(times, [10.0, 30.0], [500.0, 3000.0])
    assert found == pytest.approx([gmean([1.0, 3.0]), gmean([4.0, 100.0])])
    assert np.isnan(relative_time([[NAN]], [1.0], [10.0]))[0]


def test_ratios_to_best_by_hand():
    assert ratios_to_best(TIMES) == pytest.approx(RATIOS)
    assert ratios_to_best([[NAN, 3.0]]) == pytest.approx(np.array([[INF, 1.0]]))


def test_a_profile_has_unsolved_pairs_in_its_denominator():
    found = performance_profile(RATIOS, [1.0, 2.0, 3.0, 1e9])
    assert found == pytest.approx(np.array([[0.5, 0.5], [0.5, 0.75], [0.75, 0.75], [0.75, 0.75]]))


def test_the_profiles_score_by_hand():
    # Areas from 1 to 4: 3 + 3 + 1 + 0 and 2 + 3 + 3 + 0, of four pairs of at most 3.
    assert profile_score(RATIOS) == pytest.approx([7 / 12, 8 / 12])
    assert profile_score([[1.0], [1.0]]) == pytest.approx([1.0])
    assert profile_score([[4.0], [INF]]) == pytest.approx([0.0])


@given(arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=st.floats(1, 9)))
def test_the_score_is_the_mean_height_of_the_profile(ratios):
    factors = np.linspace(1, 4, 20_001)
    heights = performance_profile(ratios, factors)
    area = (heights[1:] + heights[:-1]).sum(axis=0) / 2 / (len(factors) - 1)
    assert profile_score(ratios) == pytest.approx(area, abs=1e-3)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_without_unsolved_targets_the_share_is_scipys_ecdf(costs):
    grid = np.arange(0, 32)
    expected = ecdf(costs).cdf.evaluate(grid)
    assert share_within(costs, len(costs), grid) == pytest.approx(expected)
    assert share_within(costs, 2 * len(costs), grid) == pytest.approx(expected / 2)


def test_nothing_asked_is_nothing_reached():
    assert share_within([], 0, [1.0, 2.0]) == pytest.approx([0.0, 0.0])
