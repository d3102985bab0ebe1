"""Stacks: chains that are nothing but linear layers and elementwise activations, with each parameter used once.

What looks at a single unit (a walk, noise applied layer by layer) works on stacks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from nogd.engine.layers.chain import Chain
from nogd.engine.layers.steps import Elementwise, Product
from nogd.engine.space import ParameterSpace, Tensors

Activation = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Layer:
    """One linear layer and the activations behind it; weight and bias are places in theta."""

    weight: Tensors
    bias: Tensors | None
    inputs: int
    outputs: int
    activations: tuple[Activation, ...]

    def weights(self, theta: Tensor) -> Tensor:
        """The weights in theta `[..., D]` as `[..., outputs, inputs]`."""
        flat = theta[..., self.weight.start : self.weight.stop]
        return flat.view(*theta.shape[:-1], self.outputs, self.inputs)

    def biases(self, theta: Tensor) -> Tensor | None:
        """The biases in theta `[..., D]` as `[..., outputs, 1]`, or None without any."""
        return None if self.bias is None else theta[..., self.bias.start : self.bias.stop].unsqueeze(-1)

    def affine(self, theta: Tensor, a: Tensor) -> Tensor:
        """Pre-activations `[outputs, N]` of one network, theta `[D]`, for inputs `[inputs, N]`."""
        z, biases = self.weights(theta) @ a, self.biases(theta)
        return z if biases is None else z.add_(biases)

    def activate(self, z: Tensor) -> Tensor:
        """The activations of z, which may be overwritten."""
        for activation in self.activations:
            z = activation(z)
        return z


@dataclass(frozen=True)
class Stack:
    """The layers of a recognised module. Activations are kept features first: `[P, features, N]`."""

    layers: tuple[Layer, ...]

    @property
    def multiplications(self) -> int:
        """Multiplications of one forward pass of one example."""
        return sum(layer.inputs * layer.outputs for layer in self.layers)


def as_stack(chain: Chain, space: ParameterSpace) -> Stack | None:
    """The chain as a Stack, or None if it is more than one, or less."""
    layers: list[Layer] = []
    for step in chain.steps:
        if isinstance(step, Product) and (layer := _layer(step)) is not None:
            layers.append(layer)
        elif isinstance(step, Elementwise) and layers:
            layers[-1] = replace(layers[-1], activations=(*layers[-1].activations, step.function))
        else:
            return None
    places = [place for layer in layers for place in (layer.weight, layer.bias) if place is not None]
    return Stack(tuple(layers)) if sorted(t.start for t in places) == [t.start for t in space] else None


def _layer(product: Product) -> Layer | None:
    weight, bias = product.weight, product.bias
    if weight.place is None or (bias is not None and bias.place is None):
        return None
    return Layer(weight.place, None if bias is None else bias.place, product.inputs, product.outputs, ())
