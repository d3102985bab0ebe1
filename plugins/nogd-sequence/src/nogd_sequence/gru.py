"""A gated recurrent unit (Cho et al. 2014) of linear layers, so that many networks can be called at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Linear = Callable[[int, int], nn.Module]


class RoundedLinear(nn.Module):
    """A linear layer whose weights count as the nearest of -127, ..., 127 steps; the surrogate's gradient: unrounded.

    It is no nn.Linear, because who treats it as one would leave out the rounding.
    """

    STEP = 1 / 64

    def __init__(self, in_features: int, out_features: int, *, surrogate: bool) -> None:
        super().__init__()
        self.in_features, self.out_features, self.surrogate = in_features, out_features, surrogate
        drawn = nn.Linear(in_features, out_features)
        self.weight, self.bias = drawn.weight, drawn.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """From `[N, in_features]` to `[N, out_features]`."""
        values = (self.weight / self.STEP).round().clamp(-127, 127) * self.STEP
        weight = self.weight + (values - self.weight).detach() if self.surrogate else values
        return nn.functional.linear(inputs, weight, self.bias)


class Gru(nn.Module):
    """Reads numbers from the left, and gives a score for each kind of the next one."""

    def __init__(self, kinds: int, features: int, units: int, linear: Linear) -> None:
        super().__init__()
        self.units = units
        self.table = nn.Embedding(kinds, features)
        self.gates = linear(features + units, 2 * units)
        self.new, self.old = linear(features, units), linear(units, units)
        self.last = nn.Linear(units, kinds)

    def forward(self, numbers: Tensor) -> Tensor:
        """From int64 `[N, length]` to `[N, kinds]`."""
        seen = self.table(numbers)
        memory = seen.new_zeros(*numbers.shape[:-1], self.units)
        for place in range(numbers.shape[-1]):
            memory = self._read(seen[..., place, :], memory)
        scores: Tensor = self.last(memory)
        return scores

    def _read(self, features: Tensor, memory: Tensor) -> Tensor:
        reset, kept = self.gates(torch.cat([features, memory], dim=-1)).sigmoid().chunk(2, dim=-1)
        new = (self.new(features) + reset * self.old(memory)).tanh()
        read: Tensor = (1 - kept) * new + kept * memory
        return read
