"""SWIM: hidden weights from pairs of examples, the last layer solved."""

from __future__ import annotations

import math
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from nogd.engine.layers.listing import NamedLayer
from nogd.engine.objective import Objective
from nogd.learners.drawn_features import DrawnFeatures

_RELU = (nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.ELU, nn.GELU, nn.SiLU)
_RELU_FUNCTIONS = (F.relu, torch.relu, torch.relu_, F.gelu, F.silu, F.elu)
_HALF = math.atanh(0.5)  # where tanh is a half
_NEAREST = 1e-10


@final
class Swim(DrawnFeatures):
    """Each hidden unit is a step between two examples that are near and differ in their targets; the last layer is
    solved (Bolager et al., Sampling weights of deep neural networks, NeurIPS 2023, arXiv:2306.16830).

    Pairs are drawn in proportion to the distance of their targets divided by that of their features. For weights w
    along a pair, a unit with ReLU is 0 at its first example and 1 at its second; any other activation gets -0.55 and
    0.55, where tanh is a half.
    """

    name: ClassVar[str] = "swim"
    needs: ClassVar[frozenset[str]] = frozenset({"readout", "layers"})

    def supports(self, objective: Objective) -> str | None:
        odd = [each for each in hidden(objective) if not isinstance(each.module, nn.Linear)]
        if odd:
            return f"swim needs hidden layers that are linear, and {odd[0].name!r} is a {type(odd[0].module).__name__}"
        if any(each.bias is None or each.weight is None for each in hidden(objective)):
            return "swim needs hidden layers whose weights and biases are searched"
        return super().supports(objective)

    def passes(self, objective: Objective) -> int:
        return len(hidden(objective))

    def draw(self, objective: Objective, theta: Tensor, rng: Generator) -> Tensor:
        targets = _targets(objective)
        for place, layer in enumerate(objective.layers):
            if layer not in hidden(objective) or layer.weight is None or layer.bias is None:
                continue
            inputs = objective.activations(theta)[place].inputs
            scale, offset = (1.0, 0.0) if _is_relu(objective.layers[place + 1]) else (2 * _HALF, _HALF)
            first, second = _pairs(inputs, targets, layer.bias.stop - layer.bias.start, rng)
            along = second - first
            weights = scale * along / along.square().sum(1, keepdim=True).clamp_min(_NEAREST**2)
            theta[layer.weight] = weights.flatten()
            theta[layer.bias] = -(weights * first).sum(1) - offset
        return theta


def hidden(objective: Objective) -> list[NamedLayer]:
    """The layers before the last one that have searched parameters."""
    return [each for each in objective.layers[:-1] if each.weight is not None or each.bias is not None]


def _is_relu(layer: NamedLayer) -> bool:
    return isinstance(layer.module, _RELU) or layer.module in _RELU_FUNCTIONS


def _targets(objective: Objective) -> Tensor:
    """Targets `[N, out]`, classes as ones and zeros."""
    targets = objective.targets
    return F.one_hot(targets).to(objective.dtype) if targets.ndim == 1 else targets.flatten(1)


def _pairs(inputs: Tensor, targets: Tensor, units: int, rng: Generator) -> tuple[Tensor, Tensor]:
    """The examples of a pair for each unit, `[units, features]` each, drawn from at least N random pairs."""
    examples = len(inputs)
    count = examples * math.ceil(units / examples)
    first, second = (torch.randint(examples, (count,), generator=rng, device=inputs.device) for _ in range(2))
    distance = (inputs[first] - inputs[second]).square().sum(1).sqrt()
    apart = (targets[first] - targets[second]).abs().amax(1)
    steepness = torch.where(distance > _NEAREST, apart / distance, 0.0)
    chances = steepness if bool(steepness.sum() > 0) else (distance > _NEAREST).to(distance.dtype) + _NEAREST
    drawn = torch.multinomial(chances, units, replacement=True, generator=rng)
    return inputs[first[drawn]], inputs[second[drawn]]
