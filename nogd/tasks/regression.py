"""Built-in regression tasks."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from nogd.engine.space import Bounds
from nogd.problem.task import Dataset, SupervisedTask
from nogd.tasks.datasets import Diabetes as DiabetesData
from nogd.tasks.networks import UNIT_BOX, TernaryLinear, Width, stack, uniform


class _OnDiabetes(SupervisedTask):
    """What the tasks on diabetes have in common."""

    dataset: ClassVar[type[Dataset]] = DiabetesData
    loss: ClassVar[str] = "mse"
    metric: ClassVar[str] = "r2"
    tags: ClassVar[frozenset[str]] = frozenset({"regression"})


class Original(_OnDiabetes):
    """The network and data of the study that nogd grew out of, as they were: raw, and without a split."""

    name: ClassVar[str] = "original"
    why: ClassVar[str] = "It is the study that nogd grew out of, so its published losses can be checked."
    split: ClassVar[None] = None
    standardise: ClassVar[tuple[str, ...]] = ()

    def network(self) -> nn.Module:
        """No activation after the first layer, as in the study; all parameters uniform in [-5, 5]."""
        network = nn.Sequential(nn.Linear(10, 5), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1))
        return uniform(network, -5, 5)


class Diabetes(_OnDiabetes):
    """How far diabetes advances in a year, from 10 measurements, standardised."""

    name: ClassVar[str] = "diabetes"
    why: ClassVar[str] = "A noisy regression on few examples, where a learner that fits too well loses."
    standardise: ClassVar[tuple[str, ...]] = ("inputs", "targets")
    bounds: ClassVar[Bounds] = UNIT_BOX

    def network(self) -> nn.Module:
        """A small network, as wide as the original's."""
        return stack(10, 5, 4, 1)


class DiabetesTernary(Diabetes):
    """The diabetes task with weights rounded to -1, 0 or 1 as the network runs: no gradient."""

    name: ClassVar[str] = "diabetes-ternary"
    why: ClassVar[str] = (
        "Weights of three values, as cheap hardware wants them, leave nothing to differentiate."
    )
    differentiable: ClassVar[bool] = False
    # Beyond 1.5 rounding gives nothing new, and within it the three values are equally likely.
    bounds: ClassVar[Bounds] = {"*weight": (-1.5, 1.5), "*bias": UNIT_BOX}

    tags: ClassVar[frozenset[str]] = frozenset({"regression", "no-gradient"})
    width: Width = 8

    def network(self) -> nn.Module:
        """One hidden layer."""
        return stack(10, self.width, 1, linear=TernaryLinear)
