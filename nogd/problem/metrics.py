"""Metrics: what a run is judged by, as the loss is what it is trained by.

Cheap ones are plain torch; those that take more than a line are scikit-learn's, imported when one is first measured,
which takes longer than most cells. Workers measure often.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from nogd.engine.losses import BUILT_IN, Loss, find_loss, zero_one
from nogd.errors import PluginError, UnknownName, did_you_mean
from nogd.plugins.registry import offered


@dataclass(frozen=True)
class Metric:
    """A quality measure of outputs `[N, out]` against targets `[N, out]` or int64 `[N]`.

    :param name: what users write.
    :param function: from outputs and targets to a number, NaN if there is none. It must not raise for outputs that are
        NaN or infinite, as diverged runs are measured too.
    :param greater_is_better: its direction.
    :param summary: one line for lists.
    """

    name: str
    function: Callable[[Tensor, Tensor], Tensor | float]
    greater_is_better: bool
    summary: str = ""

    def __call__(self, outputs: Tensor, targets: Tensor) -> float:
        """The figure as a plain number."""
        return float(self.function(outputs.detach(), targets))


def _accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of right predictions: the largest output, or for float targets in {0, 1} an output above 0."""
    return 1 - _error_rate(outputs, targets)


def _error_rate(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of wrong predictions; an output that is NaN is wrong."""
    return zero_one(outputs.double(), targets)


def _balanced_accuracy(outputs: Tensor, targets: Tensor) -> float:
    """Mean, over the classes that the targets have, of the share of each that is recognised."""
    from sklearn.metrics import recall_score

    return _mean(
        recall_score(true, said, labels=np.unique(true), average="macro", zero_division=0.0)
        for true, said in _predictions(outputs, targets)
    )


def _f1(outputs: Tensor, targets: Tensor) -> float:
    """F1 of class 1; of class numbers the mean over the classes that the targets have."""
    from sklearn.metrics import f1_score

    numbered = not targets.is_floating_point()
    return _mean(
        f1_score(true, said, labels=np.unique(true) if numbered else [1], average="macro", zero_division=0.0)
        for true, said in _predictions(outputs, targets)
    )


def _auc(outputs: Tensor, targets: Tensor) -> float:
    """Area under the ROC curve; of class numbers the mean over the classes, each against the rest."""
    from sklearn.metrics import roc_auc_score

    scores, true = outputs.double(), targets > 0
    if not targets.is_floating_point():
        scores, true = scores.softmax(-1), nn.functional.one_hot(targets, outputs.shape[-1]) > 0
    if scores.isnan().any():
        return math.nan
    scores, told_apart = scores.nan_to_num(), true.any(0) & ~true.all(0)
    columns = zip(true.T[told_apart], scores.T[told_apart], strict=True)
    return _mean(roc_auc_score(each.numpy(force=True), score.numpy(force=True)) for each, score in columns)


def _predictions(outputs: Tensor, targets: Tensor) -> Iterator[tuple[Any, Any]]:
    """True and predicted classes, int64 `[N]`: once for class numbers, else for each column of targets in {0, 1}.

    An output that is NaN is a wrong prediction.
    """
    if not targets.is_floating_point():
        said = outputs.argmax(-1).masked_fill(outputs.isnan().any(-1), -1)
        yield targets.numpy(force=True), said.numpy(force=True)
        return
    true = targets > 0
    said = (outputs > 0).where(~outputs.isnan(), ~true)
    for column in range(true.shape[1]):
        yield true[:, column].long().numpy(force=True), said[:, column].long().numpy(force=True)


def _mean(figures: Iterator[float]) -> float:
    """NaN where there are none."""
    found = list(figures)
    return float(np.mean(found)) if found else math.nan


def _r2(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of the targets' variance that the outputs explain: 1 is perfect, 0 the targets' own mean."""
    outputs, targets = outputs.double(), targets.double()
    spread = (targets - targets.mean(dim=0)).square().mean()
    return 1 - (outputs - targets).square().mean() / spread


def _rmse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Square root of the mean squared error, in the targets' unit."""
    return (outputs.double() - targets).square().mean().sqrt()


def _mae(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error, in the targets' unit."""
    return (outputs.double() - targets).abs().mean()


accuracy = Metric("accuracy", _accuracy, greater_is_better=True)
error_rate = Metric("error-rate", _error_rate, greater_is_better=False)
balanced_accuracy = Metric("balanced-accuracy", _balanced_accuracy, greater_is_better=True)
f1 = Metric("f1", _f1, greater_is_better=True)
auc = Metric("auc", _auc, greater_is_better=True)
r2 = Metric("r2", _r2, greater_is_better=True)
rmse = Metric("rmse", _rmse, greater_is_better=False)
mae = Metric("mae", _mae, greater_is_better=False)

METRICS = {
    metric.name: metric for metric in (accuracy, error_rate, balanced_accuracy, f1, auc, r2, rmse, mae)
}


def find_metric(metric: str | Metric) -> Metric:
    """The metric of that name, or else the loss of that name as a metric; a Metric is passed through.

    Raises UnknownName with the nearest name.
    """
    if isinstance(metric, Metric):
        return metric
    if metric in METRICS:
        return METRICS[metric]
    if metric in BUILT_IN:
        return _of_loss(BUILT_IN[metric])
    return _registered(metric)


def _registered(name: str) -> Metric:
    # Only now: the usual names need no scan of the installed packages.
    metrics, losses = offered("metric"), offered("loss")
    if name in metrics:
        found = metrics.find(name).load()
        if isinstance(found, Metric):
            return found
        raise PluginError(f"{name!r} is registered as a metric, but is not a nogd.Metric.")
    if name in losses:
        return _of_loss(find_loss(name))
    known = list(dict.fromkeys([*metrics.names(), *losses.names()]))
    raise UnknownName(
        f"no metric or loss is named {name!r}{did_you_mean(name, known)} Known: {', '.join(known)}."
    )


def _of_loss(loss: Loss) -> Metric:
    return Metric(loss.name, loss, greater_is_better=False, summary=loss.summary)
