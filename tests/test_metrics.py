"""Metrics are what scikit-learn says, hold for whatever a run may give, and come from plugins as losses do."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn import metrics as known
from torch import Generator

import nogd.tasks
from nogd.engine.losses import Loss, find_loss
from nogd.errors import PluginError, UnknownName
from nogd.hookspecs import hookimpl
from nogd.plugins.manager import Plugins
from nogd.problem.metrics import METRICS, Metric, find_metric

RNG = Generator().manual_seed(1)
LOGITS, CLASSES = torch.randn(90, 4, generator=RNG), torch.randint(4, (90,), generator=RNG)
COLUMN = torch.randn(90, 1, generator=RNG)
BITS = (COLUMN + torch.randn(90, 1, generator=RNG) > 0.8).float()  # some right, some wrong, fewer ones
NUMBERS = COLUMN + 0.5 * torch.randn(90, 1, generator=RNG)
SAID, ONE_SAID = LOGITS.argmax(1), COLUMN > 0


def said(name, *given, **settings):
    """What scikit-learn says; its older releases know NumPy's arrays only."""
    return getattr(known, name)(*(each.numpy() for each in given), **settings)


@pytest.mark.parametrize(
    ("name", "outputs", "targets", "expected"),
    [
        ("accuracy", LOGITS, CLASSES, said("accuracy_score", CLASSES, SAID)),
        ("accuracy", COLUMN, BITS, said("accuracy_score", BITS, ONE_SAID)),
        ("error-rate", COLUMN, BITS, said("zero_one_loss", BITS, ONE_SAID)),
        ("balanced-accuracy", LOGITS, CLASSES, said("balanced_accuracy_score", CLASSES, SAID)),
        ("balanced-accuracy", COLUMN, BITS, said("balanced_accuracy_score", BITS, ONE_SAID)),
        ("f1", LOGITS, CLASSES, said("f1_score", CLASSES, SAID, average="macro")),
        ("f1", COLUMN, BITS, said("f1_score", BITS, ONE_SAID)),
        (
            "auc",
            LOGITS,
            CLASSES,
            said("roc_auc_score", CLASSES, LOGITS.double().softmax(1), multi_class="ovr"),
        ),
        ("auc", COLUMN, BITS, said("roc_auc_score", BITS, COLUMN)),
        ("r2", COLUMN, NUMBERS, said("r2_score", NUMBERS, COLUMN)),
        ("rmse", COLUMN, NUMBERS, said("root_mean_squared_error", NUMBERS, COLUMN)),
        ("mae", COLUMN, NUMBERS, said("mean_absolute_error", NUMBERS, COLUMN)),
    ],
)
def test_it_is_what_scikit_learn_says(name, outputs, targets, expected):
    assert find_metric(name)(outputs, targets) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda each: each.name)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_outputs_that_are_not_finite_are_measured_too(metric, value):
    for outputs, targets in [(COLUMN, BITS), (LOGITS, CLASSES)]:
        if targets.is_floating_point() or metric.name not in ("r2", "rmse", "mae"):
            assert isinstance(metric(torch.full_like(outputs, value), targets), float)


@pytest.mark.parametrize("name", ["accuracy", "balanced-accuracy", "f1"])
def test_an_output_that_is_nan_is_wrong(name):
    for outputs, targets in [(COLUMN, BITS), (LOGITS, CLASSES)]:
        assert find_metric(name)(torch.full_like(outputs, math.nan), targets) == 0


def test_of_several_columns_each_counts_alike():
    twice, bits = torch.cat([COLUMN, -COLUMN], 1), torch.cat([BITS, BITS], 1)
    for name in ("balanced-accuracy", "f1", "auc"):
        one, other = (find_metric(name)(column, BITS) for column in (COLUMN, -COLUMN))
        assert find_metric(name)(twice, bits) == pytest.approx((one + other) / 2)


def test_a_class_without_an_example_is_left_out():
    some = CLASSES < 3
    logits, classes = LOGITS[some], CLASSES[some]
    recall = said("recall_score", classes, logits.argmax(1), labels=[0, 1, 2], average="macro")
    assert find_metric("balanced-accuracy")(logits, classes) == pytest.approx(recall)
    each = [said("roc_auc_score", classes == k, logits.double().softmax(1)[:, k]) for k in range(3)]
    assert find_metric("auc")(logits, classes) == pytest.approx(sum(each) / 3)
    assert math.isnan(find_metric("auc")(COLUMN, torch.ones_like(BITS)))


def test_a_constant_predictor_is_worth_what_guessing_is():
    constant = torch.zeros_like(COLUMN)
    assert find_metric("auc")(constant, BITS) == find_metric("balanced-accuracy")(constant, BITS) == 0.5


def test_the_built_in_ones_are_registered_like_anybodys():
    offered = nogd.tasks.nogd_metrics()
    assert [lazy.name for lazy in offered] == list(METRICS)
    assert [lazy.load() for lazy in offered] == list(METRICS.values())
    assert all(lazy.summary for lazy in offered)


# Of plugins


class Plugin:
    @hookimpl
    def nogd_metrics(self):
        return [Metric("worst", lambda o, t: (o - t).abs().max(), False), Loss("no-metric", torch.dist)]

    @hookimpl
    def nogd_losses(self):
        return [Loss("cubic", lambda o, t: (o - t).abs().pow(3).mean()), Metric("no-loss", torch.dist, False)]


@pytest.fixture(autouse=True)
def loaded(monkeypatch):
    monkeypatch.setattr("nogd.plugins.manager.plugins", lambda: Plugins.of(Plugin()))


def test_a_plugins_metric_and_its_loss_as_a_metric():
    assert find_metric("worst")(torch.tensor([[1.0], [5.0]]), torch.zeros(2, 1)) == 5
    cubic = find_metric("cubic")
    assert (cubic(torch.full((1, 1), 2.0), torch.zeros(1, 1)), cubic.greater_is_better) == (8, False)


def test_what_is_no_metric_or_no_loss_is_refused_with_where_it_belongs():
    with pytest.raises(PluginError, match="'no-metric' is registered as a metric, but is no"):
        find_metric("no-metric")
    for find in (find_loss, find_metric):
        with pytest.raises(UnknownName, match="metrics are offered by the hook nogd_metrics"):
            find("no-loss")


def test_an_unknown_one_names_both_kinds():
    with pytest.raises(UnknownName, match=r"did you mean 'cubic'\? Known: worst, no-metric, cubic"):
        find_metric("cubik")
