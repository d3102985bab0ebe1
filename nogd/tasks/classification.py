"""Built-in classification tasks."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import nn

from nogd.engine.space import Bounds
from nogd.problem.task import Dataset, SupervisedTask
from nogd.tasks import datasets
from nogd.tasks.networks import UNIT_BOX, Activation, Depth, Sign, Width, hidden, stack


class _TwoClasses(SupervisedTask):
    """What the tasks with two classes have in common."""

    loss: ClassVar[str] = "binary-cross-entropy"
    metric: ClassVar[str] = "accuracy"
    bounds: ClassVar[Bounds] = UNIT_BOX
    tags: ClassVar[frozenset[str]] = frozenset({"classification"})


class _ManyClasses(SupervisedTask):
    """What the tasks with more than two classes have in common."""

    loss: ClassVar[str] = "cross-entropy"
    metric: ClassVar[str] = "accuracy"
    bounds: ClassVar[Bounds] = UNIT_BOX
    tags: ClassVar[frozenset[str]] = frozenset({"classification"})


class _Hidden(SupervisedTask):
    """A task whose network's shape is a setting; sizes: inputs and outputs."""

    sizes: ClassVar[tuple[int, int]]
    width: Width = 8
    depth: Depth = 1
    activation: Activation = "relu"

    def network(self) -> nn.Module:
        """Hidden layers of one width."""
        return hidden(*self.sizes, width=self.width, depth=self.depth, activation=self.activation)


class BreastCancer(_Hidden, _TwoClasses):
    """Malignant or benign, from 30 measurements of a tumour's cell nuclei."""

    name: ClassVar[str] = "breast-cancer"
    why: ClassVar[str] = "Real data on which nearly everything works: a learner that fails here is broken."
    dataset: ClassVar[type[Dataset]] = datasets.BreastCancer
    sizes: ClassVar[tuple[int, int]] = (30, 1)


class BreastCancerSign(_TwoClasses):
    """The breast-cancer task with step activations and the share of errors as its loss: no gradient."""

    name: ClassVar[str] = "breast-cancer-sign"
    why: ClassVar[str] = (
        "Steps in the network and in the loss: nothing to differentiate, and plateaus everywhere."
    )
    dataset: ClassVar[type[Dataset]] = datasets.BreastCancer
    loss: ClassVar[str] = "zero-one"
    differentiable: ClassVar[bool] = False

    tags: ClassVar[frozenset[str]] = frozenset({"classification", "no-gradient"})
    width: Width = 5

    def network(self) -> nn.Module:
        """One hidden layer."""
        return stack(30, self.width, 1, activation=Sign)


class Wine(_Hidden, _ManyClasses):
    """Which of three growers a wine comes from, by 13 chemical measurements."""

    name: ClassVar[str] = "wine"
    why: ClassVar[str] = "Few examples and three classes: the smallest step from two classes to many."
    dataset: ClassVar[type[Dataset]] = datasets.Wine
    sizes: ClassVar[tuple[int, int]] = (13, 3)


class Iris(_Hidden, _ManyClasses):
    """Which of three species an iris is, by four lengths."""

    name: ClassVar[str] = "iris"
    why: ClassVar[str] = (
        "So few parameters that even a plain search can cover them many times within the budget."
    )
    dataset: ClassVar[type[Dataset]] = datasets.Iris
    sizes: ClassVar[tuple[int, int]] = (4, 3)
    width: Width = 4


class Digits(_Hidden, _ManyClasses):
    """Which digit was written, by 8 x 8 pixels."""

    name: ClassVar[str] = "digits"
    why: ClassVar[str] = "Nearly as many parameters as the budget has forwards: one at a time is too slow."
    dataset: ClassVar[type[Dataset]] = datasets.Digits
    # Some pixels are all but always empty: divided by their deviation, they would drown the others.
    standardise: ClassVar[tuple[str, ...]] = ()
    sizes: ClassVar[tuple[int, int]] = (64, 10)
    width: Width = 32


class TwoSpirals(_Hidden, _TwoClasses):
    """Which of two interleaved spirals a point of the plane lies on."""

    name: ClassVar[str] = "two-spirals"
    why: ClassVar[str] = (
        "A boundary that only a network of several layers can bend around, and slow to learn."
    )
    dataset: ClassVar[type[Dataset]] = datasets.TwoSpirals
    sizes: ClassVar[tuple[int, int]] = (2, 1)
    width: Width = 16
    depth: Depth = 2
    activation: Activation = "tanh"


class Parity(_TwoClasses):
    """Whether an odd number of bits is set, of eight by default; all rows, and no split."""

    name: ClassVar[str] = "parity"
    why: ClassVar[str] = (
        "No bit tells anything by itself, so there is little slope to follow until all work together."
    )
    dataset: ClassVar[type[Dataset]] = datasets.Parity
    split: ClassVar[None] = None
    standardise: ClassVar[tuple[str, ...]] = ()
    bits: int = Field(8, ge=2, le=16, description="bits of a row")
    width: Width = 16
    depth: Depth = 1
    activation: Activation = "relu"

    def data(self) -> Dataset:
        return datasets.Parity(self.bits)

    def network(self) -> nn.Module:
        """Hidden layers of one width."""
        return hidden(self.bits, 1, width=self.width, depth=self.depth, activation=self.activation)
