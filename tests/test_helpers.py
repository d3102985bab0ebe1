"""Ranks as weights, a population's default size, and step sizes from the box, against slow ways to the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import nogd
from nogd.errors import InvalidSetting

LOSSES = st.lists(st.sampled_from([0.0, -1.5, 2.0, 1e300, math.inf, math.nan]) | st.floats(-9, 9), min_size=1)


@settings(deadline=None, derandomize=True)
@given(losses=LOSSES)
def test_rank_weights_are_mean_ranks_from_one_half_to_minus_one_half(losses):
    last = [loss if math.isfinite(loss) else math.inf for loss in losses]
    places = (scipy.stats.rankdata(last) - 1) / max(1, len(losses) - 1)
    expected = 0.5 - places if len(losses) > 1 else np.zeros(1)
    weights = nogd.rank_weights(torch.tensor(losses, dtype=torch.float64))
    np.testing.assert_allclose(weights.numpy(), expected, atol=1e-12)
    assert float(weights.sum()) == pytest.approx(0, abs=1e-9)


def test_rank_weights_keep_the_type_and_change_nothing():
    losses = torch.tensor([3.0, 1.0, math.inf, 1.0], dtype=torch.float16)
    weights = nogd.rank_weights(losses)
    assert weights.dtype == torch.float16
    assert weights.tolist() == pytest.approx([-1 / 6, 1 / 3, -0.5, 1 / 3], abs=1e-3)
    assert losses.tolist() == [3.0, 1.0, math.inf, 1.0]


def test_no_losses_have_no_weights():
    assert nogd.rank_weights(torch.empty(0)).shape == (0,)


@pytest.mark.parametrize(
    ("D", "population"), [(1, 4), (2, 6), (5, 8), (10, 10), (20, 12), (40, 15), (100, 17)]
)
def test_the_default_population_is_the_tutorials(D, population):
    assert nogd.default_population(D) == population


def test_there_is_no_population_for_no_parameters():
    with pytest.raises(InvalidSetting, match="at least 1, not 0"):
        nogd.default_population(0)


def test_box_sigma_is_a_share_of_each_parameters_box():
    bounds = {"0.weight": (-1.0, 3.0), "*.bias": (2.0, 2.0)}
    space = nogd.ParameterSpace(nn.Sequential(nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 1)).double(), bounds)
    widths = [4.0, 4.0, 0.0, 10.0, 0.0]
    sigma = nogd.box_sigma(space, 0.3)
    assert sigma.dtype == torch.float64
    assert sigma.tolist() == pytest.approx([0.3 * width for width in widths])


@pytest.mark.parametrize("share", [0, -0.1, math.inf, math.nan])
def test_a_share_that_is_none_is_refused(share):
    space = nogd.ParameterSpace(nn.Linear(1, 1))
    with pytest.raises(InvalidSetting, match="share is a positive number"):
        nogd.box_sigma(space, share)
