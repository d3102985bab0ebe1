"""Layers through which no gradient passes, each with a stand-in that has one.

With `surrogate` a layer gives the same values, and its gradient is that of a smooth function in its place (the
straight-through estimator of Bengio et al., arXiv:1308.3432). It is there for comparison; it is not the gradient.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn


def straight_through(values: Tensor, smooth: Tensor) -> Tensor:
    """The values, with the gradient of `smooth`."""
    return smooth + (values - smooth).detach()


class Sign(nn.Module):
    """-1 or 1 (0 at 0); the stand-in is the identity between -1 and 1, and constant elsewhere."""

    elementwise: ClassVar[bool] = True

    def __init__(self, *, surrogate: bool) -> None:
        super().__init__()
        self.surrogate = surrogate

    def forward(self, inputs: Tensor) -> Tensor:
        """The sign of each element, in the inputs' shape."""
        values = inputs.sign()
        return straight_through(values, inputs.clamp(-1, 1)) if self.surrogate else values


class Staircase(nn.Module):
    """The sigmoid, rounded down to a multiple of 1 / levels; the stand-in is the sigmoid."""

    elementwise: ClassVar[bool] = True

    def __init__(self, levels: int = 5, *, surrogate: bool) -> None:
        super().__init__()
        self.levels, self.surrogate = levels, surrogate

    def forward(self, inputs: Tensor) -> Tensor:
        """The step of each element, in the inputs' shape."""
        smooth = inputs.sigmoid()
        values = (smooth * self.levels).floor() / self.levels
        return straight_through(values, smooth) if self.surrogate else values


class RoundedLinear(nn.Module):
    """A linear layer whose weights and biases count as the nearest of -127, ..., 127 steps; the stand-in: unrounded.

    It is no nn.Linear, because who treats it as one would leave out the rounding.
    """

    STEP = 1 / 256

    def __init__(self, in_features: int, out_features: int, *, surrogate: bool) -> None:
        super().__init__()
        self.in_features, self.out_features, self.surrogate = in_features, out_features, surrogate
        drawn = nn.Linear(in_features, out_features)
        self.weight, self.bias = drawn.weight, drawn.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """From `[N, in_features]` to `[N, out_features]`."""
        return nn.functional.linear(inputs, self._rounded(self.weight), self._rounded(self.bias))

    def _rounded(self, parameter: Tensor) -> Tensor:
        values = (parameter / self.STEP).round().clamp(-127, 127) * self.STEP
        return straight_through(values, parameter) if self.surrogate else values


class Chosen(nn.Module):
    """1 for the largest element of the last dimension (the first of equal ones), 0 elsewhere; the stand-in: softmax."""

    def __init__(self, *, surrogate: bool) -> None:
        super().__init__()
        self.surrogate = surrogate

    def forward(self, scores: Tensor) -> Tensor:
        """Ones and zeros in the shape of the scores."""
        numbers = torch.arange(scores.shape[-1], device=scores.device)
        values = (scores.argmax(-1, keepdim=True) == numbers).to(scores.dtype)
        return straight_through(values, scores.softmax(-1)) if self.surrogate else values


class HardAttention(nn.Module):
    """Patches of an image, each of which takes the value of the one patch whose key fits its query best.

    :param size: pixels of a patch's side, a divisor of the image's.
    :param features: of a query, a key and a value.
    """

    def __init__(self, side: int, size: int, features: int, *, surrogate: bool) -> None:
        super().__init__()
        self.side, self.size = side, size
        self.query, self.key, self.value = (nn.Linear(size * size, features) for _ in range(3))
        self.chosen = Chosen(surrogate=surrogate)

    def forward(self, images: Tensor) -> Tensor:
        """From `[N, side * side]` to `[N, patches * features]`."""
        count, size = self.side // self.size, self.size
        cut = images.reshape(-1, count, size, count, size).transpose(2, 3)
        patches = cut.reshape(-1, count * count, size * size)
        scores = self.query(patches) @ self.key(patches).transpose(-1, -2)
        taken: Tensor = self.chosen(scores) @ self.value(patches)
        return taken.flatten(-2)


class HardMixture(nn.Module):
    """Experts, of which a gate chooses one for each example: its ReLU units pass, those of the others are 0."""

    def __init__(self, inputs: int, experts: int, units: int, *, surrogate: bool) -> None:
        super().__init__()
        self.experts = experts
        self.gate, self.hidden = nn.Linear(inputs, experts), nn.Linear(inputs, experts * units)
        self.chosen = Chosen(surrogate=surrogate)

    def forward(self, inputs: Tensor) -> Tensor:
        """From `[N, inputs]` to `[N, experts * units]`."""
        units = self.hidden(inputs).relu().unflatten(-1, (self.experts, -1))
        kept: Tensor = units * self.chosen(self.gate(inputs)).unsqueeze(-1)
        return kept.flatten(-2)


class LeakyIntegrateAndFire(nn.Module):
    """Neurons that see the same current at each step, and the share of steps at which they spike.

    The potential decays by a factor of `decay` a step; at 1 the neuron spikes, and starts from 0 again. The stand-in of
    a spike has the slope 1 / (1 + (pi v)^2) at a distance v from the threshold (Fang et al., arXiv:2007.05785).
    """

    elementwise: ClassVar[bool] = True

    def __init__(self, steps: int = 10, decay: float = 0.9, *, surrogate: bool) -> None:
        super().__init__()
        self.steps, self.decay, self.surrogate = steps, decay, surrogate

    def forward(self, current: Tensor) -> Tensor:
        """The rate of each neuron, 0 to 1, in the shape of the current."""
        potential, spikes = torch.zeros_like(current), torch.zeros_like(current)
        for _ in range(self.steps):
            potential = self.decay * potential + current
            spike = self._spike(potential - 1)
            potential = potential * (1 - spike)
            spikes = spikes + spike
        return spikes / self.steps

    def _spike(self, above: Tensor) -> Tensor:
        values = (above >= 0).to(above.dtype)
        if not self.surrogate:
            return values
        return straight_through(values, (torch.pi * above).arctan() / torch.pi)
