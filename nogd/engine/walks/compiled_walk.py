"""A walk by compiled kernels: what they keep about its theta, and where."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from nogd.engine.compiled.layout import (
    BEHIND,
    BIAS,
    BLOCKS,
    BUFFERS,
    INPUTS,
    NONE,
    OTHERS,
    OUTPUTS,
    ROOM,
    SIZES,
    SPARE,
    STAGE,
    SUMS,
    TARGETS,
    WEIGHT,
    Data,
    Numbers,
    Plan,
    Whole,
)
from nogd.engine.compiled.scorer import Compiled
from nogd.engine.walks.minimum import PiecewisePath
from nogd.engine.walks.walk import ActivationCache, StackCache

NOTHING_PENDING = -1
# What the compiled loops over values take in one go.
VALUES = 32


class CompiledCache(ActivationCache):
    """Keeps each layer's values in blocks, as far down as they were asked for; a pure function of theta.

    plain: makes the activation cache that torch alone keeps, of which the less usual questions are asked. flops: of
    one value of a coordinate of each layer.
    """

    def __init__(
        self, theta: Tensor, compiled: Compiled, plain: Callable[[], StackCache], flops: list[float]
    ) -> None:
        plan, data = compiled.plan, compiled.data
        self._line: Callable[..., int] = compiled.kernels.line
        self._make_plain, self._flops = plain, flops
        layers, sizes = _places(plan, data)
        self._where = _where(plan, len(theta))
        self._places: list[int] = self._where[:, 0].tolist()
        self._network = theta.detach().numpy(), layers, plan.slopes, plan.loss, data.numbers, sizes
        self._kept = np.zeros(int(sizes[SUMS]) + data.block, dtype=data.numbers.dtype)
        self._state = np.zeros(3, dtype=np.uintp)
        self._pending = NOTHING_PENDING
        self._plain: StackCache | None = None
        self._fit(theta[:0])

    def losses(self, index: int, values: Tensor) -> Tensor:
        return self.lowest(index, values)[0].clone()

    def lowest(self, index: int, values: Tensor) -> tuple[Tensor, int, float]:
        if values is not self._values:
            self._fit(values)
        place = self._score(index, self._numbers)
        return self._losses, place, float(self._out[place])

    def _score(self, index: int, values: Numbers) -> int:
        pending, self._pending = self._pending, NOTHING_PENDING
        return self._line(
            *self._network, self._kept, self._state, self._where, pending, index,
            values, self._work, self._totals, self._out,
        )  # fmt: skip

    def warm_up(self) -> None:
        self._score(0, self._numbers[:0])

    def moved(self, index: int) -> None:
        if self._plain is not None:
            self._plain.moved(index)
        if self._pending not in (NOTHING_PENDING, index):
            self._score(index, self._numbers[:0])  # takes notice of the move before
        self._pending = index

    def flops(self, index: int, count: int) -> float:
        return count * self._flops[self._places[index]]

    def path(self, index: int) -> PiecewisePath | None:
        if self._plain is None:
            self._plain = self._make_plain()
        return self._plain.path(index)

    def _fit(self, values: Tensor) -> None:
        """Make room for the losses of these values."""
        self._values, count = values, len(values)
        # Loops over values have no rest to go through one by one if there are copies of the last up to a full vector.
        self._numbers = np.pad(values.detach().numpy(), (0, -count % VALUES), "edge" if count else "empty")
        self._totals, self._work = (
            np.empty(len(self._numbers)),
            np.empty(2 * len(self._numbers), self._numbers.dtype),
        )
        self._losses = torch.empty_like(values, memory_format=torch.contiguous_format)
        self._out = self._losses.numpy()


def _where(plan: Plan, dimension: int) -> Whole:
    """Layer, unit and input of each coordinate `[D, 3]`; NONE as the input of a bias."""
    table = np.empty((dimension, 3), dtype=np.uintp)
    for place, layer in enumerate(plan.layers):
        units, inputs = np.arange(layer[OUTPUTS]), np.arange(layer[INPUTS])
        weights = table[layer[WEIGHT] : layer[WEIGHT] + layer[OUTPUTS] * layer[INPUTS]]
        weights[:, 0], weights[:, 1] = place, np.repeat(units, len(inputs))
        weights[:, 2] = np.tile(inputs, len(units))
        if layer[BIAS] != NONE:
            biases = table[layer[BIAS] : layer[BIAS] + layer[OUTPUTS]]
            biases[:, 0], biases[:, 1], biases[:, 2] = place, units, NONE
    return table


def _places(plan: Plan, data: Data) -> tuple[Whole, Whole]:
    """The plan's layers and the data's sizes with the places of all that a walk keeps."""
    layers, sizes = plan.layers.copy(), np.zeros(SIZES, dtype=np.uintp)
    sizes[: len(data.sizes)] = data.sizes
    blocks, size, end = int(data.sizes[BLOCKS]), data.block, 0
    for layer in layers:
        layer[BEHIND], end = end, end + blocks * int(layer[OUTPUTS]) * size
    widest = int(layers[:, OUTPUTS].max())
    staged = 3 + int(data.sizes[TARGETS]) + widest
    regions = {OTHERS: blocks * widest, STAGE: 2 * staged, SPARE: ROOM, BUFFERS: 4 * (1 + widest)}
    for region, rows in regions.items():
        sizes[region], end = end, end + rows * size
    sizes[SUMS] = end
    return layers, sizes
