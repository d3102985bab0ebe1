"""The layers of a network that is a chain, by name, with their places in theta, and what goes in and out of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from nogd.engine.layers.parts import Part
from nogd.engine.space import ParameterSpace


@dataclass(frozen=True)
class NamedLayer:
    """One layer of a chain.

    :param name: of the module, "0" or "encoder.2", or of the function, "tanh()".
    :param module: the layer itself, of the objective's private copy, or a function that the network's forward calls.
    :param weight: where it lies in theta, `theta[layer.weight].view(layer.module.weight.shape)`; None if there is none,
        or if it is not searched.
    :param bias: the same for the bias.
    """

    name: str
    module: Part
    weight: slice | None
    bias: slice | None


class Activation(NamedTuple):
    """What goes into a layer and what comes out of it, `[N, ...]` each."""

    inputs: Tensor
    outputs: Tensor


def listed(
    parts: Sequence[tuple[str, Part]], module: nn.Module, space: ParameterSpace
) -> tuple[NamedLayer, ...]:
    """The layers of a module that is a chain of these parts."""
    named = dict(module.named_parameters())
    places = {id(named[t.name]): slice(t.start, t.stop) for t in space}
    return tuple(
        NamedLayer(name, part, *(places.get(id(getattr(part, each, None))) for each in ("weight", "bias")))
        for name, part in parts
    )


def passed(layers: Sequence[NamedLayer], inputs: Tensor) -> list[Activation]:
    """What goes through each of the layers, one after the other. Each gets a copy, as some write into their inputs."""
    activations = []
    for layer in layers:
        outputs = layer.module(inputs.clone())
        activations.append(Activation(inputs, outputs))
        inputs = outputs
    return activations
