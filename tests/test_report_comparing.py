"""Tests of differences against scipy, published tables and hand-computed cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nogd.report.numbers.comparing import (
    critical_difference,
    friedman,
    holm,
    iman_davenport,
    nemenyi_quantile,
    not_told_apart,
)

# Demsar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7 (2006), Table 5(a), k = 2 ... 10.
DEMSAR = {
    0.05: [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164],
    0.10: [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920],
}
# The same article, Table 6: AUC of C4.5 with m, cf, m and cf as parameters on 14 data sets.
AUC = [
    (0.763, 0.768, 0.771, 0.798), (0.599, 0.591, 0.590, 0.569), (0.954, 0.971, 0.968, 0.967),
    (0.628, 0.661, 0.654, 0.657), (0.882, 0.888, 0.886, 0.898), (0.936, 0.931, 0.916, 0.931),
    (0.661, 0.668, 0.609, 0.685), (0.583, 0.583, 0.563, 0.625), (0.775, 0.838, 0.866, 0.875),
    (1.000, 1.000, 1.000, 1.000), (0.940, 0.962, 0.965, 0.962), (0.619, 0.666, 0.614, 0.669),
    (0.972, 0.981, 0.9751, 0.975), (0.957, 0.978, 0.946, 0.970),
]  # fmt: skip


@pytest.mark.parametrize("alpha", DEMSAR)
def test_the_quantiles_are_those_of_demsars_table(alpha):
    found = [nemenyi_quantile(learners, alpha) for learners in range(2, 11)]
    assert found == pytest.approx(DEMSAR[alpha], abs=1.5e-3)


def test_the_critical_difference_is_that_of_demsars_example():
    assert critical_difference(4, 14, alpha=0.10) == pytest.approx(1.12, abs=0.005)
    assert critical_difference(5, 30) == pytest.approx(2.728 * np.sqrt(30 / 180), abs=1e-3)


def test_friedman_is_scipys_and_rejects_on_demsars_data():
    losses = -np.array(AUC)
    found = friedman(losses)
    expected = stats.friedmanchisquare(*losses.T)
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert found.p < 0.05


def test_friedman_takes_failures_as_worst_and_a_single_tie_as_no_difference():
    finite = friedman([[1.0, 2.0, 9.0], [2.0, 1.0, 9.0], [1.0, 2.0, 3.0]])
    assert friedman([[1.0, 2.0, np.inf], [2.0, 1.0, np.inf], [1.0, 2.0, 3.0]]) == finite
    nothing = friedman(np.ones((5, 3)))
    assert (nothing.p, nothing.f, nothing.f_p) == (1.0, 0.0, 1.0)


def test_iman_and_davenports_f_is_that_of_demsars_example():
    """Section 3.2.2: 9.28 on 14 data sets with 4 classifiers gives F 3.69, above the 5 % value of F(3, 39), 2.85."""
    f, p = iman_davenport(9.28, 14, 4)
    assert f == pytest.approx(3.69, abs=0.005)
    assert p == pytest.approx(stats.f.sf(3.69, 3, 39), rel=0.01)
    assert stats.f.isf(0.05, 3, 39) == pytest.approx(2.85, abs=0.005)


def test_iman_and_davenports_f_is_the_analysis_of_variance_of_ranks():
    """By hand: mean squares of learners over those of what is left."""
    losses = np.array([[1, 2, 3], [1, 3, 2], [2, 1, 3], [1, 2, 3], [2, 3, 1]], dtype=float)
    means = losses.mean(axis=0)
    between = 5 * np.sum((means - 2) ** 2) / 2
    rest = np.sum((losses - means) ** 2) / (2 * 4)
    found = friedman(losses)
    assert found.f == pytest.approx(between / rest)
    assert found.f_p == pytest.approx(stats.f.sf(between / rest, 2, 8))


def test_where_all_blocks_agree_f_is_infinite():
    found = friedman([[1.0, 2.0, 3.0]] * 6)
    assert (found.f, found.f_p) == (np.inf, 0.0)


def test_groups_are_the_largest_that_lie_within_the_difference():
    assert not_told_apart([1.0, 1.5, 2.6, 3.0, 5.0], 1.2) == [(0, 1), (1, 2), (2, 3)]
    assert not_told_apart([1.0, 1.1, 1.2], 1.0) == [(0, 2)]
    assert not_told_apart([1.0, 3.0], 2.0) == []  # exactly the critical difference is a difference


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]).shape == (0,)
