"""Built-in classification tasks."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from nogd.engine.space import Bounds
from nogd.problem.task import Dataset, SupervisedTask
from nogd.tasks import datasets
from nogd.tasks.networks import UNIT_BOX, Sign, stack


class _TwoClasses(SupervisedTask):
    """What the tasks with two classes have in common."""

    loss: ClassVar[str] = "binary-cross-entropy"
    metric: ClassVar[str] = "accuracy"
    bounds: ClassVar[Bounds] = UNIT_BOX


class _ManyClasses(SupervisedTask):
    """What the tasks with more than two classes have in common."""

    loss: ClassVar[str] = "cross-entropy"
    metric: ClassVar[str] = "accuracy"
    bounds: ClassVar[Bounds] = UNIT_BOX


class BreastCancer(_TwoClasses):
    """Malignant or benign, from 30 measurements of a tumour's cell nuclei."""

    name: ClassVar[str] = "breast-cancer"
    why: ClassVar[str] = "Real data on which nearly everything works: a learner that fails here is broken."
    dataset: ClassVar[type[Dataset]] = datasets.BreastCancer

    def network(self) -> nn.Module:
        """One hidden layer of eight units."""
        return stack(30, 8, 1)


class BreastCancerSign(_TwoClasses):
    """The breast-cancer task with step activations and the share of errors as its loss: no gradient."""

    name: ClassVar[str] = "breast-cancer-sign"
    why: ClassVar[str] = (
        "Steps in the network and in the loss: nothing to differentiate, and plateaus everywhere."
    )
    dataset: ClassVar[type[Dataset]] = datasets.BreastCancer
    loss: ClassVar[str] = "zero-one"
    differentiable: ClassVar[bool] = False

    def network(self) -> nn.Module:
        """One hidden layer of five units."""
        return stack(30, 5, 1, activation=Sign)


class Wine(_ManyClasses):
    """Which of three growers a wine comes from, by 13 chemical measurements."""

    name: ClassVar[str] = "wine"
    why: ClassVar[str] = "Few examples and three classes: the smallest step from two classes to many."
    dataset: ClassVar[type[Dataset]] = datasets.Wine

    def network(self) -> nn.Module:
        """One hidden layer of eight units."""
        return stack(13, 8, 3)


class Iris(_ManyClasses):
    """Which of three species an iris is, by four lengths."""

    name: ClassVar[str] = "iris"
    why: ClassVar[str] = (
        "So few parameters that even a plain search can cover them many times within the budget."
    )
    dataset: ClassVar[type[Dataset]] = datasets.Iris

    def network(self) -> nn.Module:
        """One hidden layer of four units."""
        return stack(4, 4, 3)


class Digits(_ManyClasses):
    """Which digit was written, by 8 x 8 pixels."""

    name: ClassVar[str] = "digits"
    why: ClassVar[str] = "Nearly as many parameters as the budget has forwards: one at a time is too slow."
    dataset: ClassVar[type[Dataset]] = datasets.Digits
    # Some pixels are all but always empty: divided by their deviation, they would drown the others.
    standardise: ClassVar[tuple[str, ...]] = ()

    def network(self) -> nn.Module:
        """One hidden layer of 32 units."""
        return stack(64, 32, 10)


class TwoSpirals(_TwoClasses):
    """Which of two interleaved spirals a point of the plane lies on."""

    name: ClassVar[str] = "two-spirals"
    why: ClassVar[str] = (
        "A boundary that only a network of several layers can bend around, and slow to learn."
    )
    dataset: ClassVar[type[Dataset]] = datasets.TwoSpirals

    def network(self) -> nn.Module:
        """Two hidden layers of 16 smooth units."""
        return stack(2, 16, 16, 1, activation=nn.Tanh)


class Parity(_TwoClasses):
    """Whether an odd number of eight bits is set; all 256 rows, and no split."""

    name: ClassVar[str] = "parity"
    why: ClassVar[str] = (
        "No bit tells anything by itself, so there is little slope to follow until all work together."
    )
    dataset: ClassVar[type[Dataset]] = datasets.Parity
    split: ClassVar[None] = None
    standardise: ClassVar[tuple[str, ...]] = ()

    def network(self) -> nn.Module:
        """One hidden layer of 16 units."""
        return stack(8, 16, 1)
