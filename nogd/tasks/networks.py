"""Networks that the built-in tasks share, and layers through which no gradient passes."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

# The box of networks that start as PyTorch starts them and see inputs of about unit size: there weights are
# small, and in (-5, 5) the values of a coarse grid would lie further apart than the weights are large.
UNIT_BOX = (-2.0, 2.0)

Width = Annotated[int, Field(ge=1, le=1 << 14, description="units of each hidden layer")]
Depth = Annotated[int, Field(ge=0, le=64, description="hidden layers")]
Activation = Annotated[
    Literal["relu", "tanh", "gelu", "sigmoid"], Field(description="what follows each hidden layer")
]
_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
}


class Sign(nn.Module):
    """The step activation: -1 or 1 (0 at 0). Its gradient is zero wherever it exists."""

    elementwise: ClassVar[bool] = True

    def forward(self, inputs: Tensor) -> Tensor:
        """The sign of each element, in the inputs' shape."""
        return inputs.sign()


class TernaryLinear(nn.Module):
    """A linear layer whose weights count as -1, 0 or 1: rounded, and cut off, as the network is run.

    The product is divided by the square root of `in_features`, to leave outputs about as large as inputs.
    Weights start uniform in [-1.5, 1.5], where the three values are equally likely; biases start as torch's
    do and are not rounded. It is no nn.Linear, because who treats it as one would leave out the rounding.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-1.5, 1.5))
        bound = 1 / math.sqrt(in_features)
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))

    def forward(self, inputs: Tensor) -> Tensor:
        """From `[N, in_features]` to `[N, out_features]`."""
        weight = self.weight.round().clamp(-1, 1) / math.sqrt(self.in_features)
        return nn.functional.linear(inputs, weight, self.bias)


def stack(
    *sizes: int,
    activation: Callable[[], nn.Module] = nn.ReLU,
    linear: Callable[[int, int], nn.Module] = nn.Linear,
) -> nn.Sequential:
    """Linear layers of these sizes with the activation after each but the last: `stack(10, 5, 4, 1)`."""
    modules: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        modules += [linear(inputs, outputs), activation()]
    return nn.Sequential(*modules[:-1])


def hidden(inputs: int, outputs: int, *, width: int, depth: int, activation: Activation) -> nn.Sequential:
    """A stack with so many hidden layers of one width: `hidden(30, 1, width=8, depth=1, activation="relu")`."""
    return stack(inputs, *[width] * depth, outputs, activation=_ACTIVATIONS[activation])


def uniform(module: nn.Sequential, low: float, high: float) -> nn.Sequential:
    """The network with every parameter drawn anew, uniform in [low, high]."""
    for parameter in module.parameters():
        nn.init.uniform_(parameter, low, high)
    return module
