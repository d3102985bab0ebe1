"""What a recommendation is worth on each split of a task: for the record alone, never seen by a learner."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from nogd.engine.black_box import BlackBox
from nogd.engine.losses import Loss
from nogd.engine.network import Network
from nogd.engine.objective import Objective
from nogd.engine.several import like
from nogd.engine.simulation import Simulation
from nogd.problem.task import Metric, Problem, Split

_NAMES = {"train": ("loss", "metric"), "validation": ("validation_loss", "validation_metric")}
_NAMES["test"] = ("test_loss", "test_metric")


class SplitMeasure:
    """Loss and metric of theta `[D]` on training, validation and test split, by the module as its user will have it."""

    def __init__(self, network: Network, loss: Loss, metric: Metric, splits: Mapping[str, Split]) -> None:
        self._network, self._loss, self._metric = network, loss, metric
        self._splits = {name: self._fitted(split) for name, split in splits.items()}

    def __call__(self, theta: Tensor) -> dict[str, float]:
        figures: dict[str, float] = {}
        with torch.no_grad(), self._network.used(theta):
            for name, split in self._splits.items():
                outputs = self._network.outputs(theta, split.inputs)
                loss_name, metric_name = _NAMES[name]
                figures[loss_name] = float(self._loss(outputs, split.targets))
                figures[metric_name] = self._metric(outputs, split.targets)
        return figures

    @property
    def cost(self) -> float:
        """Forwards that one measurement takes, though it counts none."""
        return sum(len(split.inputs) for split in self._splits.values()) / self._network.examples

    def _fitted(self, split: Split) -> Split:
        inputs, targets = (
            like(split.inputs, self._network.inputs),
            split.targets.to(self._network.inputs.device),
        )
        with torch.no_grad():
            outputs = self._network.conduct(inputs)
        return Split(inputs, self._loss.fit_targets(targets, outputs))


class ScoreMeasure:
    """The score that a black box last gave for theta `[D]`; it has no splits, and is never called to measure."""

    cost = 0.0

    def __init__(self, objective: Objective) -> None:
        self._objective = objective

    def __call__(self, theta: Tensor) -> dict[str, float]:
        return self._objective.measure(theta) | {"metric": math.nan}


class ReturnMeasure:
    """Mean returns of theta `[D]` on episodes that no scoring call sees, for training, validation and test."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def __call__(self, theta: Tensor) -> dict[str, float]:
        figures: dict[str, float] = {}
        for use, found in self._simulation.returns(theta, list(_NAMES)).items():
            loss_name, metric_name = _NAMES[use]
            figures |= {loss_name: -found, metric_name: found}
        return figures

    @property
    def cost(self) -> float:
        """Forwards that one measurement takes, though it counts none."""
        return self._simulation.episodes_measured / self._simulation.examples


Measure = SplitMeasure | ScoreMeasure | ReturnMeasure


def measure_for(problem: Problem, objective: Objective, scorer: Network | BlackBox | Simulation) -> Measure:
    """How to measure recommendations on this problem."""
    if isinstance(scorer, Simulation):
        return ReturnMeasure(scorer)
    if isinstance(scorer, BlackBox):
        return ScoreMeasure(objective)
    splits = {"train": problem.train, "validation": problem.validation, "test": problem.test}
    given = {name: split for name, split in splits.items() if split is not None}
    return SplitMeasure(scorer, scorer.loss, problem.metric, given)
