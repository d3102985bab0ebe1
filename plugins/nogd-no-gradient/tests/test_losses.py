"""Losses of all examples together against scikit-learn and scipy."""

from __future__ import annotations

import math

import pytest
import torch
from nogd_no_gradient import losses, ranks
from nogd_no_gradient.boards import CheckerboardData, RareData
from scipy.stats import spearmanr
from sklearn.metrics import f1_score, roc_auc_score
from torch import Generator

import nogd


def some(seed: int, ties: bool = False):
    rng = Generator().manual_seed(seed)
    outputs, targets = torch.randn(60, 1, generator=rng), (torch.rand(60, 1, generator=rng) < 0.3).float()
    return (outputs * 2).round() if ties else outputs, targets


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_they_are_1_less_what_scikit_learn_and_scipy_say(seed, ties):
    outputs, targets = some(seed, ties)
    column, labels = outputs[:, 0].numpy(), targets[:, 0].numpy()
    assert float(losses.ONE_MINUS_F1(outputs, targets)) == pytest.approx(
        1 - f1_score(labels, column > 0), abs=1e-6
    )
    assert float(losses.ONE_MINUS_AUC(outputs, targets)) == pytest.approx(
        1 - roc_auc_score(labels, column), abs=1e-6
    )
    others = torch.randn(60, 1, generator=Generator().manual_seed(seed + 9)).round()
    expected = spearmanr(column, others[:, 0].numpy()).statistic
    assert float(losses.ONE_MINUS_SPEARMAN(outputs, others)) == pytest.approx(1 - expected, abs=1e-5)
    assert ranks.SPEARMAN(outputs, others) == pytest.approx(expected, abs=1e-5)


def test_a_constant_orders_nothing():
    targets = torch.tensor([[0.0], [1.0], [1.0]])
    assert float(losses.ONE_MINUS_AUC(torch.ones(3, 1), targets)) == 0.5
    assert float(losses.ONE_MINUS_SPEARMAN(torch.ones(3, 1), targets)) == 1.0


def test_nobody_who_is_said_to_be_positive_is_a_loss_of_1_and_nothing_to_find_is_no_error():
    assert float(losses.ONE_MINUS_F1(-torch.ones(3, 1), torch.tensor([[0.0], [1.0], [1.0]]))) == 1.0
    assert float(losses.ONE_MINUS_F1(-torch.ones(3, 1), torch.zeros(3, 1))) == 1.0


@pytest.mark.parametrize("loss", [losses.ONE_MINUS_F1, losses.ONE_MINUS_AUC, losses.ONE_MINUS_SPEARMAN])
def test_an_output_that_is_not_a_number_is_never_lucky(loss):
    outputs, targets = some(0)
    outputs[3] = math.nan
    assert math.isnan(float(loss(outputs, targets)))


@pytest.mark.parametrize("name", ["one-minus-f1", "one-minus-auc", "one-minus-spearman"])
def test_they_have_names_for_everybody(name):
    inputs, targets = RareData().load()
    network = torch.nn.Linear(2, 1)
    run = nogd.fit(network, inputs, targets, loss=name, learner="random-search", budget=50, bounds=(-2, 2))
    assert run.loss < 0.99


def test_a_board_has_nine_fields_of_two_colours():
    inputs, targets = CheckerboardData().load()
    assert (inputs.shape, targets.shape) == ((2_400, 2), (2_400, 1))
    fields = (inputs * (3 / 12**0.5) + 1.5).floor()
    expected = (fields.sum(1) % 2 == 1)[:, None]
    assert float((expected == (targets > 0)).float().mean()) > 0.85, "but for the noise"
    assert float(RareData().load()[1].mean()) == pytest.approx(0.25, abs=0.01)
