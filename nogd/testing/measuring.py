"""What the bench measures a run with: the training loss, and figures of test data that nobody else may see."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from nogd.bench.measure import SplitMeasure
from nogd.engine.objective import Objective
from nogd.engine.several import mapped
from nogd.problem.metrics import Metric
from nogd.problem.task import Split
from nogd.training.recorder import Measure


def hidden_split(objective: Objective) -> Split:
    """Made-up data like the objective's, the same whenever they are asked for."""
    rng = Generator(objective.device).manual_seed(2)

    def drawn(part: Tensor) -> Tensor:
        """Other numbers; whole ones, which may be places in a table, in another order."""
        if part.is_floating_point():
            return torch.empty_like(part).normal_(generator=rng)
        return part.flip(0)

    return Split(mapped(objective._network().inputs, drawn), objective.targets.clone())


def as_the_bench(objective: Objective, test: Split | None = None) -> Measure:
    """The bench's measure of a recommendation, which computes with the objective's own module."""
    network = objective._network()
    splits = {"train": Split(network.inputs, network.targets), "test": test or hidden_split(objective)}
    metric = Metric("loss", network.loss, greater_is_better=False)
    return SplitMeasure(network, network.loss, metric, splits)
