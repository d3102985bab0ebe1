"""Tasks on handwritten digits: one network with a gradient, and six without."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from nogd import Dataset, SupervisedTask
from nogd_images import networks
from nogd_images.digits import Mnist5k

SIDE, PIXELS, CLASSES = 28, 784, 10

Width = Annotated[int, Field(ge=1, le=1 << 14, description="hidden units")]


class _Digits(SupervisedTask):
    """What all have in common. They take minutes, so that `--all` leaves them out."""

    dataset: ClassVar[type[Dataset]] = Mnist5k
    loss: ClassVar[str] = "cross-entropy"
    metric: ClassVar[str] = "accuracy"
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    standardise: ClassVar[tuple[str, ...]] = ()
    default: ClassVar[bool] = False
    tags: ClassVar[frozenset[str]] = frozenset({"classification", "images"})


class _WithoutGradient(_Digits):
    """A network through which no gradient passes, unless a surrogate is asked for."""

    differentiable: ClassVar[bool] = False
    tags: ClassVar[frozenset[str]] = frozenset({"classification", "images", "no-gradient"})
    surrogate: bool = Field(
        False, description="whether its steps have the gradient of a smooth function in their place"
    )

    @property
    def has_gradient(self) -> bool:
        return self.surrogate


class Relu(_Digits):
    """Which digit was written, by 28 x 28 pixels, with one hidden layer."""

    name: ClassVar[str] = "mnist-5k"
    why: ClassVar[str] = "Seventeen times as many parameters as the budget has forwards."
    width: Width = 64

    def network(self) -> nn.Module:
        """One hidden layer."""
        return _one_layer(self.width, nn.ReLU())


class Sign(_WithoutGradient):
    """The digits by hidden units that give -1 or 1."""

    name: ClassVar[str] = "mnist-5k-sign"
    why: ClassVar[str] = "A unit of 784 inputs that only says on which side of a plane an image lies."
    width: Width = 64

    def network(self) -> nn.Module:
        """One hidden layer."""
        return _one_layer(self.width, networks.Sign(surrogate=self.surrogate))


class Staircase(_WithoutGradient):
    """The digits by hidden units that give one of five values."""

    name: ClassVar[str] = "mnist-5k-staircase"
    why: ClassVar[str] = "Plateaus with a direction: a small move changes a few examples."
    width: Width = 64

    def network(self) -> nn.Module:
        """One hidden layer."""
        return _one_layer(self.width, networks.Staircase(surrogate=self.surrogate))


class Int8(_WithoutGradient):
    """The digits by a hidden layer whose weights are rounded to 8 bits."""

    name: ClassVar[str] = "mnist-5k-int8"
    why: ClassVar[str] = "A network as small hardware has it: a move below half a step changes nothing."
    width: Width = 64

    def network(self) -> nn.Module:
        """One hidden layer."""
        hidden = networks.RoundedLinear(PIXELS, self.width, surrogate=self.surrogate)
        return nn.Sequential(hidden, nn.ReLU(), nn.Linear(self.width, CLASSES))


class Attention(_WithoutGradient):
    """The digits by 16 patches, each of which looks at one patch alone."""

    name: ClassVar[str] = "mnist-5k-attention"
    why: ClassVar[str] = "Queries and keys matter only through which patch wins."
    features: int = Field(8, ge=1, le=1 << 10, description="features of a query, a key and a value")

    def network(self) -> nn.Module:
        """One head of attention over patches of 7 x 7 pixels."""
        attention = networks.HardAttention(SIDE, 7, self.features, surrogate=self.surrogate)
        return nn.Sequential(attention, nn.Linear(16 * self.features, CLASSES))


class Mixture(_WithoutGradient):
    """The digits by one of four experts, which a gate chooses."""

    name: ClassVar[str] = "mnist-5k-mixture"
    why: ClassVar[str] = "The gate matters only through which expert wins."
    experts: int = Field(4, ge=2, le=1 << 7, description="experts")
    units: int = Field(16, ge=1, le=1 << 10, description="hidden units of each")

    def network(self) -> nn.Module:
        """Experts of one hidden layer."""
        mixture = networks.HardMixture(PIXELS, self.experts, self.units, surrogate=self.surrogate)
        return nn.Sequential(mixture, nn.Linear(self.experts * self.units, CLASSES))


class Spiking(_WithoutGradient):
    """The digits by leaky neurons that spike and are reset, over ten steps."""

    name: ClassVar[str] = "mnist-5k-spiking"
    why: ClassVar[str] = "As neuromorphic hardware computes: steps, resets and time."
    width: Width = 64

    def network(self) -> nn.Module:
        """One layer of neurons, whose rates are read out."""
        return _one_layer(self.width, networks.LeakyIntegrateAndFire(surrogate=self.surrogate))


def _one_layer(width: int, activation: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(PIXELS, width), activation, nn.Linear(width, CLASSES))
