"""The hidden units of a network, and what one of them gives with other incoming weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from nogd.engine.layers.steps import Elementwise, Flatten, Pool, Product, ScratchBuffers, Shape, Step
from nogd.engine.network import Network
from nogd.engine.readout.head import Head
from nogd.engine.space import ParameterSpace, Tensors

# What treats each feature, or each channel, by itself.
_ALONE = (Elementwise, Flatten, Pool)


@dataclass(frozen=True, eq=False)
class HiddenUnit:
    """A unit of a layer before the last, a channel of a convolution, or whatever else has a row of a weight matrix.

    :param layer: name of its weight, "0.weight".
    :param number: which row of it.
    :param coordinates: where its incoming weights lie in theta, the bias behind them, int64 `[F]`.
    :param bias: whether there is a bias that is searched.
    """

    layer: str
    number: int
    coordinates: Tensor
    bias: bool

    def __len__(self) -> int:
        return len(self.coordinates)


@dataclass(frozen=True)
class Downstream:
    """What computes a unit's own features of the last layer, and nothing else.

    :param before: the steps up to its layer. product: that layer. behind: the steps behind it, each feature by itself.
    :param positions: where in an image it is computed, 1 without any. given: shape of what goes into the last layer.
    """

    before: tuple[Step, ...]
    product: Product
    behind: tuple[Step, ...]
    positions: int
    given: Shape

    def inputs(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """What goes into the layer, `[fan_in, ..., N]`, for theta `[D]` and inputs `[features, ..., N]`."""
        a, scratch = inputs[None].clone(), ScratchBuffers(inputs)
        for step in self.before:
            a = step(theta[None], a, scratch)
        return a[0]

    def columns(self, weights: Tensor, unit: HiddenUnit, a: Tensor, theta: Tensor) -> Tensor:
        """Its features `[M, s, N]` with incoming weights `[M, F]`; a: what goes into the layer."""
        fan_in = self.product.inputs
        z = (weights[:, :fan_in] @ a.flatten(1)).view(len(weights), 1, *a.shape[1:])
        if unit.bias:
            z += weights[:, fan_in].view(-1, *[1] * (z.ndim - 1))
        elif self.product.bias is not None:
            z += self.product.bias.of(theta[None], self.product.outputs)[0, unit.number]
        scratch = ScratchBuffers(z)
        for step in self.behind:
            z = step(theta[None], z, scratch)
        return z.flatten(1, -2)

    @property
    def features(self) -> int:
        """How many features of the last layer are one unit's."""
        return math.prod(self.given) // self.product.outputs

    @property
    def products(self) -> float:
        """Floating-point operations for one set of weights and one example."""
        return 2.0 * self.product.inputs * self.positions

    def places(self, unit: HiddenUnit) -> Tensor:
        """Which features of the last layer are this unit's."""
        return torch.arange(unit.number * self.features, (unit.number + 1) * self.features)


def find_units(head: Head, space: ParameterSpace) -> tuple[HiddenUnit, ...]:
    """The hidden units: rows of each searched tensor of two dimensions or more but the head's."""
    named = {t.name: t for t in space}
    own = [each for each in (head.weight, head.bias) if each is not None]
    units: list[HiddenUnit] = []
    for tensor in space:
        if tensor not in own and len(tensor.shape) > 1:
            units += _rows(tensor, named.get(tensor.name.removesuffix("weight") + "bias"))
    return tuple(units)


def _rows(weight: Tensors, bias: Tensors | None) -> list[HiddenUnit]:
    rows = torch.arange(weight.start, weight.stop).view(weight.shape[0], -1)
    if bias is not None and bias.shape == weight.shape[:1]:
        rows = torch.cat([rows, torch.arange(bias.start, bias.stop)[:, None]], 1)
    else:
        bias = None
    return [HiddenUnit(weight.name, k, row, bias is not None) for k, row in enumerate(rows)]


def downstream_of(network: Network, layer: str) -> Downstream | None:
    """How to compute the features of a unit of that layer alone, None where others depend on it too."""
    if network.chain is None:
        return None
    steps, shape = network.chain.steps[:-1], tuple(network.stack_inputs.shape[:-1])
    shapes = list(accumulate(steps, lambda before, step: step.shape(before), initial=shape))
    for place, step in enumerate(steps):
        if isinstance(step, Product) and step.weight.place is not None and step.weight.place.name == layer:
            behind = steps[place + 1 :]
            own = set(step.places)
            tied = any(each in own for before in steps[:place] for each in before.places)
            if tied or not all(isinstance(each, _ALONE) for each in behind):
                return None
            return Downstream(steps[:place], step, behind, math.prod(shapes[place + 1][1:]), shapes[-1])
    return None
