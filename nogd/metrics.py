"""Metrics: what a run is judged by, as the loss is what it is trained by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from nogd.errors import UnknownName, did_you_mean
from nogd.objective.losses import BUILT_IN, Loss, zero_one


@dataclass(frozen=True)
class Metric:
    """A figure of merit of outputs `[N, out]` against targets `[N, out]` or int64 `[N]`."""

    name: str
    function: Callable[[Tensor, Tensor], Tensor | float]
    greater_is_better: bool
    summary: str = ""

    def __call__(self, outputs: Tensor, targets: Tensor) -> float:
        """The figure as a plain number."""
        return float(self.function(outputs.detach(), targets))


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of right predictions: the largest output, or for float targets in {0, 1} an output above 0."""
    return 1 - error_rate(outputs, targets)


def error_rate(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of wrong predictions; an output that is NaN is wrong."""
    return zero_one(outputs.double(), targets)


def r2(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of the targets' variance that the outputs explain: 1 is perfect, 0 the targets' own mean."""
    outputs, targets = outputs.double(), targets.double()
    spread = (targets - targets.mean(dim=0)).square().mean()
    return 1 - (outputs - targets).square().mean() / spread


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", accuracy, greater_is_better=True),
        Metric("error-rate", error_rate, greater_is_better=False),
        Metric("r2", r2, greater_is_better=True),
    )
}


def find_metric(metric: str | Metric) -> Metric:
    """The metric of that name, or the loss of that name as a metric; a Metric is passed through.

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
    from nogd.plugins import plugins  # here, so that the usual names need no scan of the installed packages

    losses = plugins().losses
    if name not in losses:
        known = [*METRICS, *losses.names()]
        raise UnknownName(
            f"no metric or loss is named {name!r}{did_you_mean(name, known)} Known: {', '.join(known)}."
        )
    found = losses.find(name).load()
    return found if isinstance(found, Metric) else _of_loss(found)


def _of_loss(loss: Loss) -> Metric:
    return Metric(loss.name, loss, greater_is_better=False, summary=loss.summary)
