"""Layers through which no gradient passes, most of them with a stand-in that has one.

With `surrogate` a layer gives the same values, and its gradient is that of a smooth function in its place (the
straight-through estimator of Bengio et al., arXiv:1308.3432). It is there for comparison; it is not the gradient.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn


def straight_through(values: Tensor, smooth: Tensor) -> Tensor:
    """The values, with the gradient of `smooth`."""
    return smooth + (values - smooth).detach()


class Sign(nn.Module):
    """-1 or 1 (0 at 0)."""

    elementwise: ClassVar[bool] = True

    def forward(self, inputs: Tensor) -> Tensor:
        """The sign of each element, in the inputs' shape."""
        return inputs.sign()


class FewValuedLinear(nn.Module):
    """A linear layer whose weights count as one of an odd number of evenly spaced values; the stand-in: unrounded.

    Of three values they are -1, 0 and 1. The product is divided by the square root of `in_features`, to leave outputs
    about as large as inputs. Weights start uniform in [-1.5, 1.5], where all values are equally likely; biases start as
    torch's do and are not rounded. It is no nn.Linear, because who treats it as one would leave out the rounding.
    """

    REACH = 1.5

    def __init__(self, in_features: int, out_features: int, *, values: int, surrogate: bool) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.most, self.surrogate = values // 2, surrogate
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-self.REACH, self.REACH))
        bound = 1 / math.sqrt(in_features)
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))

    def forward(self, inputs: Tensor) -> Tensor:
        """From `[N, in_features]` to `[N, out_features]`."""
        return nn.functional.linear(inputs, self._rounded() / math.sqrt(self.in_features), self.bias)

    def _rounded(self) -> Tensor:
        step = self.REACH / (self.most + 0.5)
        values = (self.weight / step).round().clamp(-self.most, self.most) * step
        return straight_through(values, self.weight) if self.surrogate else values


class HardTree(nn.Module):
    """A full tree of planes: each node sends an example to one side, each leaf gives one number.

    The stand-in of a node is the logistic function.
    """

    def __init__(self, inputs: int, depth: int, *, surrogate: bool = False) -> None:
        super().__init__()
        self.depth, self.surrogate = depth, surrogate
        self.nodes = nn.Linear(inputs, 2**depth - 1)
        self.leaves = nn.Linear(2**depth, 1, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """From `[N, inputs]` to the leaf's number, `[N, 1]`."""
        right = self._sides(self.nodes(inputs))
        reached = torch.ones_like(right[..., :1])
        for level in range(self.depth):
            nodes = right[..., 2**level - 1 : 2 ** (level + 1) - 1]
            reached = torch.stack([reached * (1 - nodes), reached * nodes], dim=-1).flatten(-2)
        numbers: Tensor = self.leaves(reached)
        return numbers

    def _sides(self, planes: Tensor) -> Tensor:
        right = (planes > 0).to(planes.dtype)
        return straight_through(right, planes.sigmoid()) if self.surrogate else right


class HardLookup(nn.Module):
    """A query takes the value of the one item whose key fits it best; the stand-in is softmax attention."""

    def __init__(self, features: int, width: int, *, surrogate: bool) -> None:
        super().__init__()
        self.surrogate = surrogate
        self.query, self.key = (nn.Linear(features, width, bias=False) for _ in range(2))

    def forward(self, asked: Tensor, features: Tensor, values: Tensor) -> Tensor:
        """From a query `[N, F]`, features `[N, items, F]` and values `[N, items, V]` to `[N, V]`."""
        scores = (self.key(features) @ self.query(asked).unsqueeze(-1)).squeeze(-1)
        numbers = torch.arange(scores.shape[-1], device=scores.device)
        weights = (scores.argmax(-1, keepdim=True) == numbers).to(scores.dtype)
        if self.surrogate:
            weights = straight_through(weights, scores.softmax(-1))
        found: Tensor = (weights.unsqueeze(-2) @ values).squeeze(-2)
        return found


class SpikingRows(nn.Module):
    """Recurrent leaky integrate-and-fire neurons that see one row of an image at each step, and their rates.

    The potential decays by a tenth a step; at 1 the neuron spikes, and starts from 0 again. All neurons see who spiked
    a step before. The stand-in of a spike has the slope 1 / (1 + (pi v)^2) at a distance v from the threshold (Fang et
    al., arXiv:2007.05785).
    """

    DECAY = 0.9

    def __init__(self, rows: int, columns: int, neurons: int, *, surrogate: bool) -> None:
        super().__init__()
        self.rows, self.neurons, self.surrogate = rows, neurons, surrogate
        self.current = nn.Linear(columns + neurons, neurons)

    def forward(self, images: Tensor) -> Tensor:
        """From `[N, rows * columns]` to the share of steps at which each neuron spiked, `[N, neurons]`."""
        rows = images.unflatten(-1, (self.rows, -1))
        spike = potential = total = images.new_zeros(*images.shape[:-1], self.neurons)
        for number in range(self.rows):
            seen = torch.cat([rows[..., number, :], spike], dim=-1)
            potential = self.DECAY * potential * (1 - spike) + self.current(seen)
            spike = self._spike(potential - 1)
            total = total + spike
        return total / self.rows

    def _spike(self, above: Tensor) -> Tensor:
        values = (above >= 0).to(above.dtype)
        if not self.surrogate:
            return values
        return straight_through(values, (torch.pi * above).arctan() / torch.pi)
