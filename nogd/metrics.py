"""Metrics: what a run is judged by, as the loss is what it is trained by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from nogd.errors import UnknownName, did_you_mean
from nogd.objective.losses import BUILT_IN, find_loss, zero_one


@dataclass(frozen=True)
class Metric:
    """A figure of merit of outputs `[N, out]` against targets `[N, out]` or int64 `[N]`."""

    name: str
    function: Callable[[Tensor, Tensor], Tensor | float]
    greater_is_better: bool

    def __call__(self, outputs: Tensor, targets: Tensor) -> float:
        """The figure as a plain number."""
        return float(self.function(outputs, targets))


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of right predictions: the largest output, or with float targets `[N, 1]` in {0, 1} the output above 0."""
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
    """The metric of that name, or the loss of that name as one; a Metric is passed through. Raises UnknownName."""
    if isinstance(metric, Metric):
        return metric
    if metric in METRICS:
        return METRICS[metric]
    try:
        return Metric(metric, find_loss(metric), greater_is_better=False)
    except UnknownName as error:
        known = [*METRICS, *BUILT_IN]
        raise UnknownName(
            f"no metric or loss is named {metric!r}{did_you_mean(metric, known)} Known: {', '.join(known)}."
        ) from error
