"""Learn an order in place of numbers."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from nogd import Metric, SupervisedTask
from nogd_no_gradient.losses import ONE_MINUS_SPEARMAN, spearman


def _score(outputs: Tensor, targets: Tensor) -> float:
    return float(spearman(outputs, targets))


SPEARMAN = Metric("spearman", _score, True, "Spearman's rank correlation")


class DiabetesRank(SupervisedTask):
    """In which order diabetes advances in patients: 1 - Spearman's rank correlation as the loss."""

    name: ClassVar[str] = "diabetes-rank"
    why: ClassVar[str] = (
        "What a doctor needs to know whom to see first; a loss that only changes of places move."
    )
    dataset: ClassVar[str] = "diabetes"
    loss: ClassVar[str] = ONE_MINUS_SPEARMAN.name
    metric: ClassVar[str] = SPEARMAN.name
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    differentiable: ClassVar[bool] = False
    default: ClassVar[bool] = False
    tags: ClassVar[frozenset[str]] = frozenset({"no-gradient", "ranking"})

    def network(self) -> nn.Module:
        """One hidden layer."""
        return nn.Sequential(nn.Linear(10, 5), nn.ReLU(), nn.Linear(5, 1))
