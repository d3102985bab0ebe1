"""A network as blocks: a linear layer and the activations behind it, with what passes through each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nogd import Objective

# Where activations are looked at to find out whether they have a slope at all.
_PROBES = torch.linspace(-3, 3, 61, dtype=torch.float64, device="cpu")


class Passed(NamedTuple):
    """What goes into a block, its linear layer's sums, and what comes out behind the activations, `[N, ...]` each."""

    inputs: Tensor
    sums: Tensor
    outputs: Tensor


@dataclass(frozen=True)
class Block:
    """A linear layer and the activations up to the next one.

    :param place: of the linear layer, in `objective.layers`.
    :param weight: where its weights lie in theta; None if they are not searched. bias: the same.
    """

    place: int
    linear: nn.Linear
    weight: slice | None
    bias: slice | None
    activations: tuple[Callable[[Tensor], Tensor], ...]

    @property
    def units(self) -> int:
        """Outputs of the linear layer."""
        return self.linear.out_features

    @property
    def size(self) -> int:
        """Its weights, which is the number of products that an example needs."""
        return self.linear.in_features * self.linear.out_features

    def matrix(self, theta: Tensor) -> Tensor:
        """Its weights at theta, `[units, inputs]`."""
        own = self.linear.weight.detach()
        return own if self.weight is None else theta[self.weight].view(own.shape)

    def sums(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """What the linear layer gives at theta."""
        fixed: Tensor | None = self.linear.bias
        if fixed is not None:
            fixed = fixed.detach()
        return F.linear(inputs, self.matrix(theta), fixed if self.bias is None else theta[self.bias])

    def active(self, sums: Tensor) -> Tensor:
        """What the activations make of the sums."""
        for activation in self.activations:
            sums = activation(sums.clone())  # as some write into what they are given
        return sums

    def slope(self, sums: Tensor) -> Tensor:
        """The derivative of the activations at each sum; zeros where there is none."""
        with torch.enable_grad():
            point = sums.detach().clone().requires_grad_()
            outputs = self.active(point)
            if not outputs.requires_grad:
                return torch.zeros_like(sums)
            return torch.autograd.grad(outputs.sum(), point)[0]

    def put(self, change: Tensor, deltas: Tensor, inputs: Tensor) -> None:
        """Add to a change of theta `[D]` what deltas at the sums `[N, units]` mean for weights and bias."""
        if self.weight is not None:
            change[self.weight] += (deltas.T @ inputs).flatten()
        if self.bias is not None:
            change[self.bias] += deltas.sum(0)


def blocks_of(objective: Objective) -> list[Block]:
    """The blocks of a network that `refusal` has nothing against."""
    layers, found = objective.layers, []
    for place, layer in enumerate(layers):
        module = layer.module
        if isinstance(module, nn.Linear):
            found.append((place, layer, module))
    ends = [*(place for place, *_ in found[1:]), len(layers)]
    return [
        Block(place, module, layer.weight, layer.bias, tuple(each.module for each in layers[place + 1 : end]))
        for (place, layer, module), end in zip(found, ends, strict=False)
    ]


def refusal(name: str, objective: Objective, *, sloped: bool) -> str | None:
    """Why a rule of that name cannot work on the network, or None; sloped: whether activations must have a slope."""
    for layer in objective.layers:
        learnt = layer.weight is not None or layer.bias is not None
        if learnt and not isinstance(layer.module, nn.Linear):
            return f"{name} learns linear layers, and {layer.name!r} is a {type(layer.module).__name__}"
    blocks = blocks_of(objective)
    if not blocks:
        return f"{name} needs linear layers, and there are none"
    for activation in (each for block in blocks for each in block.activations):
        if isinstance(activation, nn.LayerNorm | nn.BatchNorm1d):
            return f"{name} needs activations alone between linear layers, not a {type(activation).__name__}"
    if sloped and not all(bool(block.slope(_PROBES).any()) for block in blocks):
        return f"{name} needs activations with a slope, and one is flat; pepita and hebbian need none"
    return None


def look(objective: Objective, blocks: Sequence[Block], theta: Tensor, rows: Tensor | None) -> list[Passed]:
    """What passes through each block at theta; costs 1 forward."""
    seen = objective.activations(theta, rows)
    ends = [*(block.place for block in blocks[1:]), len(seen)]
    return [
        Passed(*seen[block.place], seen[end - 1].outputs) for block, end in zip(blocks, ends, strict=True)
    ]


def error_of(
    objective: Objective, blocks: Sequence[Block], passed: Sequence[Passed], rows: Tensor | None
) -> Tensor:
    """The error at the sums of the last layer, `[N, out]`; costs nothing, as no network is called."""
    error = objective.curvature(passed[-1].outputs, rows).gradient
    return error * blocks[-1].slope(passed[-1].sums) if blocks[-1].activations else error


def working(objective: Objective, products: float, rows: Tensor | None) -> AbstractContextManager[None]:
    """Pay for so many products an example, as `objective.work` does."""
    share = 2 * products * objective.N / max(objective.forward_flops, 1)
    examples = objective.N if rows is None else len(rows)
    return objective.work(share, rows, flops=2 * products * examples)
