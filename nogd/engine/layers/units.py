"""The units of a network: rows of its weight matrices, each with its bias."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from nogd.engine.space import ParameterSpace, Tensors


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

    @cached_property
    def start(self) -> int:
        """Where they begin."""
        return int(self.coordinates[0])

    @property
    def fan_in(self) -> int:
        """Incoming weights, without the bias."""
        return len(self) - self.bias


def unit_at(layer: str, number: int, units: int, weight: slice, bias: slice | None) -> HiddenUnit:
    """A unit of a weight with so many rows. layer: the weight's name; weight and bias: where they lie in theta."""
    fan_in = (weight.stop - weight.start) // units
    coordinates = torch.arange(fan_in) + (weight.start + number * fan_in)
    if bias is not None:
        coordinates = torch.cat([coordinates, torch.tensor([bias.start + number])])
    return HiddenUnit(layer, number, coordinates, bias is not None)


def find_units(space: ParameterSpace, apart: Container[Tensors | None]) -> tuple[HiddenUnit, ...]:
    """Rows of each searched tensor of two dimensions or more; apart: tensors whose rows are no hidden units."""
    named = {t.name: t for t in space}
    units: list[HiddenUnit] = []
    for weight in space:
        if weight not in apart and len(weight.shape) > 1:
            rows = weight.shape[0]
            bias = named.get(weight.name.removesuffix("weight") + "bias")
            lies = slice(bias.start, bias.stop) if bias is not None and bias.shape == (rows,) else None
            place = slice(weight.start, weight.stop)
            units += [unit_at(weight.name, number, rows, place, lies) for number in range(rows)]
    return tuple(units)
