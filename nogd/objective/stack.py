"""Recognise a module that is a plain stack of linear layers and elementwise activations, and score many of it at once.

A module is a stack only if every part of it is known exactly; anything half-understood is not one, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nogd.objective.losses import Loss
from nogd.objective.space import ParameterSpace, Tensors

Activation = Callable[[Tensor], Tensor]

_IN_PLACE: dict[type[nn.Module], Activation] = {
    nn.ReLU: torch.relu_,
    nn.Tanh: torch.tanh_,
    nn.Sigmoid: torch.sigmoid_,
}
_ELEMENTWISE = (
    nn.ELU, nn.GELU, nn.Hardtanh, nn.LeakyReLU, nn.Mish, nn.ReLU6, nn.SELU, nn.SiLU, nn.Softplus, nn.Softsign,
)  # fmt: skip
_NOTHING = (nn.Identity, nn.Dropout)

# Elements of the widest activation that a chunk of candidates may hold: 2 MiB in float32, within a core's cache.
CHUNK_ELEMENTS = 1 << 19


class NotAStack(Exception):
    """Why a module is not a plain stack; caught by whoever chooses the engine."""


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

    def forward(self, thetas: Tensor, inputs: Tensor) -> Tensor:
        """Outputs of P networks, `[P, outputs, N]`, for thetas `[P, D]` and shared inputs `[features, N]`."""
        first, *rest = self.layers
        # One product scores the first layer of all candidates, as they share its input.
        z = (first.weights(thetas).reshape(-1, first.inputs) @ inputs).view(len(thetas), first.outputs, -1)
        a = self._finish(first, thetas, z)
        for layer in rest:
            a = self._finish(layer, thetas, layer.weights(thetas) @ a)
        return a

    def losses(self, thetas: Tensor, inputs: Tensor, targets: Tensor, loss: Loss) -> Tensor:
        """Losses `[P]`, in chunks that stay in the cache. inputs `[features, N]`, targets features first."""
        assert loss.batched is not None
        widest = max(layer.outputs for layer in self.layers) * inputs.shape[1]
        chunk = max(1, CHUNK_ELEMENTS // max(1, widest))
        parts = [loss.batched(self.forward(part, inputs), targets) for part in thetas.split(chunk)]
        return torch.cat(parts)

    @staticmethod
    def _finish(layer: Layer, thetas: Tensor, z: Tensor) -> Tensor:
        biases = layer.biases(thetas)
        return layer.activate(z if biases is None else z.add_(biases))


def read_stack(module: nn.Module, space: ParameterSpace, inputs: Tensor) -> Stack:
    """The module as a Stack. inputs: `[N, features]`. Raises NotAStack with the reason."""
    if inputs.ndim != 2:
        raise NotAStack(f"its inputs have {inputs.ndim} dimensions")
    places = {t.name: t for t in space}
    layers: list[Layer] = []
    seen: set[int] = set()
    for name, part in _parts(module, ""):
        if id(part) in seen and next(part.parameters(), None) is not None:
            raise NotAStack(f"{name} is used twice")
        seen.add(id(part))
        if type(part) is nn.Linear:
            layers.append(_linear(name, part, places))
        elif (activation := _activation(name, part)) is not None:
            _append(layers, activation)
    _check(layers, inputs, space)
    return Stack(tuple(layers))


def _parts(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    _refuse_surprises(prefix or "the module", module)
    if type(module) is not nn.Sequential:
        yield prefix, module
        return
    # Not named_children(): that leaves out an activation that stands in two places.
    for name, child in zip(module._modules, module, strict=True):
        yield from _parts(child, f"{prefix}.{name}" if prefix else name)


def _refuse_surprises(name: str, module: nn.Module) -> None:
    if (
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    ):
        raise NotAStack(f"{name} has hooks")
    if "forward" in vars(module):
        raise NotAStack(f"{name} has a forward of its own")


def _linear(name: str, part: nn.Linear, places: dict[str, Tensors]) -> Layer:
    prefix = f"{name}." if name else ""
    weight, bias = places.get(f"{prefix}weight"), places.get(f"{prefix}bias")
    if weight is None or (part._parameters["bias"] is not None and bias is None):
        raise NotAStack(f"{name} has parameters that are frozen or shared")
    return Layer(weight, bias, part.in_features, part.out_features, ())


def _activation(name: str, part: nn.Module) -> Activation | None:
    """What the part does to its input elementwise, or None where it does nothing."""
    if type(part) in _IN_PLACE:
        return _IN_PLACE[type(part)]
    if type(part) in _NOTHING:
        if isinstance(part, nn.Dropout) and part.training:
            raise NotAStack(f"{name} drops out at random (call module.eval() to switch it off)")
        return None
    declared = getattr(type(part), "elementwise", False) and not [*part.parameters(), *part.buffers()]
    if type(part) in _ELEMENTWISE or declared:
        return part
    raise NotAStack(f"{name or 'it'} is a {type(part).__name__}")


def _append(layers: list[Layer], activation: Activation) -> None:
    if not layers:
        raise NotAStack("it begins with an activation")
    last = layers[-1]
    layers[-1] = Layer(last.weight, last.bias, last.inputs, last.outputs, (*last.activations, activation))


def _check(layers: list[Layer], inputs: Tensor, space: ParameterSpace) -> None:
    if not layers:
        raise NotAStack("it has no linear layer")
    widths = [inputs.shape[1], *(layer.outputs for layer in layers)]
    if [layer.inputs for layer in layers] != widths[:-1]:
        raise NotAStack("its layers do not fit each other")
    if inputs.dtype != space.dtype:
        raise NotAStack(f"its inputs are of {inputs.dtype}, its parameters of {space.dtype}")
    placed = sum(t.stop - t.start for layer in layers for t in (layer.weight, layer.bias) if t is not None)
    if placed != space.dimension:
        raise NotAStack("it has parameters besides those of its linear layers")
