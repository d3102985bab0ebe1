"""Tasks for convolutional networks, on the package's digits and on files of the user's; and MNIST-1D."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from nogd import Dataset, SupervisedTask
from nogd.engine.modules.mode import Mode
from nogd_images.convolutions import lenet, residual
from nogd_images.digits import Mnist5k
from nogd_images.mnist1d import FINAL_LENGTH, Mnist1d
from nogd_images.user_files import (
    Cifar10Data,
    Cifar100Data,
    FashionMnistData,
    MnistData,
    user_folder,
)

GREY, COLOUR = (1, 28, 28), (3, 32, 32)

Channels = Annotated[int, Field(ge=1, le=1 << 8, description="channels of the first block")]
Examples = Annotated[
    int | None,
    Field(ge=100, description="how many examples to use, taken evenly from the files; all by default"),
]


class _Images(SupervisedTask):
    """What all have in common. They take minutes, so that `--all` leaves them out."""

    loss: ClassVar[str] = "cross-entropy"
    metric: ClassVar[str] = "accuracy"
    standardise: ClassVar[tuple[str, ...]] = ()
    default: ClassVar[bool] = False
    tags: ClassVar[frozenset[str]] = frozenset({"classification", "images"})


class _Normalised(_Images):
    """Networks with batch normalisation, scored by the statistics of the batch.

    Those of the starting parameters, by which mode=eval would go, say nothing of a candidate that lies far from them.
    """

    mode: ClassVar[Mode] = "train"


class _Digits(_Normalised):
    """The package's digits, few of which are trained on, as each costs half a million multiplications."""

    dataset: ClassVar[type[Dataset]] = Mnist5k
    split: ClassVar[tuple[float, float, float]] = (0.2, 0.2, 0.6)
    budget: ClassVar[float] = 600


class LeNet(_Digits):
    """Which digit was written, by LeNet with batch normalisation."""

    name: ClassVar[str] = "lenet"
    why: ClassVar[str] = (
        "Shared weights and batch normalisation: the network that handwritten digits are known for."
    )

    def network(self) -> nn.Module:
        """Two convolutions and three linear layers."""
        return lenet(GREY, classes=10)


class SmallResNet(_Digits):
    """Which digit was written, by a residual network of three blocks."""

    name: ClassVar[str] = "resnet-small"
    why: ClassVar[str] = (
        "Deep for its size: seven convolutions, each with batch normalisation, and shortcuts."
    )
    width: Channels = 8

    def network(self) -> nn.Module:
        """Three blocks of two convolutions."""
        return residual(GREY, classes=10, width=self.width)


class OneDimensional(_Images):
    """Which digit a line of 40 numbers is, moved, stretched and noisy."""

    name: ClassVar[str] = "mnist1d"
    why: ClassVar[str] = (
        "Small and not linear: the author's logistic regression has 32 % right, his MLP 68 %."
    )
    dataset: ClassVar[type[Dataset]] = Mnist1d
    width: int = Field(100, ge=1, le=1 << 14, description="hidden units of each layer")

    def network(self) -> nn.Module:
        """Two hidden layers."""
        return nn.Sequential(
            nn.Linear(FINAL_LENGTH, self.width),
            nn.ReLU(),
            nn.Linear(self.width, self.width),
            nn.ReLU(),
            nn.Linear(self.width, 10),
        )


class _UserFiles(_Normalised):
    """Data that NOGD_DATA has. Training and test files are taken together, and split as all tasks are."""

    tags: ClassVar[frozenset[str]] = frozenset({"classification", "own-files"})
    budget: ClassVar[float] = 300
    split: ClassVar[tuple[float, float, float]] = (0.7, 0.15, 0.15)
    examples: Examples = None


class Mnist(_UserFiles):
    """Which digit was written, by LeNet, on all of MNIST."""

    name: ClassVar[str] = "mnist"
    why: ClassVar[str] = "What most papers report, from the user's own files."
    dataset: ClassVar[type[Dataset]] = MnistData

    def data(self) -> Dataset:
        """The files in NOGD_DATA."""
        return MnistData(user_folder(), self.examples)

    def network(self) -> nn.Module:
        """LeNet with batch normalisation."""
        return lenet(GREY, classes=10)


class FashionMnist(_UserFiles):
    """Which piece of clothing it is, by LeNet, on all of Fashion-MNIST."""

    name: ClassVar[str] = "fashion-mnist"
    why: ClassVar[str] = "As large as MNIST, and harder."
    dataset: ClassVar[type[Dataset]] = FashionMnistData

    def data(self) -> Dataset:
        """The files in NOGD_DATA."""
        return FashionMnistData(user_folder(), self.examples)

    def network(self) -> nn.Module:
        """LeNet with batch normalisation."""
        return lenet(GREY, classes=10)


class Cifar10(_UserFiles):
    """Which of ten things a colour image shows, by a residual network."""

    name: ClassVar[str] = "cifar10"
    why: ClassVar[str] = "Colour, and no network that is small does well."
    dataset: ClassVar[type[Dataset]] = Cifar10Data
    width: Channels = 16

    def data(self) -> Dataset:
        """The files in NOGD_DATA."""
        return Cifar10Data(user_folder(), self.examples)

    def network(self) -> nn.Module:
        """Three blocks of two convolutions."""
        return residual(COLOUR, classes=10, width=self.width)


class Cifar100(_UserFiles):
    """Which of a hundred things a colour image shows, by a residual network."""

    name: ClassVar[str] = "cifar100"
    why: ClassVar[str] = "A hundred classes with 600 images each."
    dataset: ClassVar[type[Dataset]] = Cifar100Data
    width: Channels = 16

    def data(self) -> Dataset:
        """The files in NOGD_DATA."""
        return Cifar100Data(user_folder(), self.examples)

    def network(self) -> nn.Module:
        """Three blocks of two convolutions."""
        return residual(COLOUR, classes=100, width=self.width)
