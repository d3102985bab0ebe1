"""Tracks of a stack whose inner loops are compiled, where numba is installed; all else as in plain torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nogd.objective.kernels import Kernels, kernels
from nogd.objective.line import LinearRest, Rest, StackTracks
from nogd.objective.losses import Loss
from nogd.objective.stack import Layer, Stack

# Beyond these sizes torch's products are faster than plain loops. By shapes alone, so that a run repeats.
MOST_UNITS, MOST_PRODUCTS = 16, 1 << 15


def compilable(theta: Tensor) -> bool:
    """Whether there are compiled loops for such parameters."""
    return (
        theta.device.type == "cpu"
        and theta.dtype in (torch.float32, torch.float64)
        and not theta.requires_grad
        and theta.is_contiguous()
        and kernels() is not None
    )


class CompiledTracks(StackTracks):
    """Lines through at most one further layer of ReLU, under squared error, in compiled loops."""

    def __init__(self, theta: Tensor, stack: Stack, inputs: Tensor, targets: Tensor, loss: Loss) -> None:
        super().__init__(theta, stack, inputs, targets, loss)
        found = kernels()
        assert found is not None
        self._kernels: Kernels = found
        self._flat = theta.numpy()
        self._a_arrays = [a.numpy() for a in self._a]
        self._ones = np.ones_like(self._a_arrays[0][0]) if len(inputs) else self._a_arrays[0]
        self._ways = [self._way(place) for place in range(len(self._layers))]
        self._known: tuple[LinearRest | Rest, tuple[Any, ...]] | None = None

    def losses(self, index: int, values: Tensor) -> Tensor:
        place, unit, source = self._where(index)
        way = self._ways[place]
        if way is None:
            return super().losses(index, values)
        self._validate(place, unit)
        z = self._product(place, unit, source, with_bias=source is not None).numpy()
        a = self._ones if source is None else self._a_arrays[place][source]
        losses = torch.empty_like(values)
        way(z, a, values.numpy(), *self._constants(place, unit), losses.numpy())
        return losses

    def _way(self, place: int) -> Any:
        """The kernel for coordinates of that layer, or None."""
        own = self._layers[place]
        if self._is_linear[place]:
            return (
                self._kernels.parabola
                if not own.activations
                else self._kernels.bend
                if _is_relu(own)
                else None
            )
        if place + 2 != self._last or not self._is_linear[place + 1]:
            return None
        narrow = self._layers[place + 1].outputs <= MOST_UNITS
        known = (_is_relu(own) or not own.activations) and _is_relu(self._layers[place + 1])
        return self._kernels.through if narrow and known else None

    def _constants(self, place: int, unit: int) -> tuple[Any, ...]:
        """What the kernel takes besides the values; made anew when another unit is tried."""
        rest: LinearRest | Rest
        rest = self._linear_rest(place, unit) if self._is_linear[place] else self._other_rest(place, unit)
        if self._known is None or self._known[0] is not rest:
            made = self._of_linear(rest) if isinstance(rest, LinearRest) else self._of_other(rest)
            self._known = rest, made
        return self._known[1]

    def _of_linear(self, rest: LinearRest) -> tuple[Any, ...]:
        offset = rest.offset.numpy()
        return (offset, *(offset.dtype.type(x.item()) for x in (rest.gain, rest.scale, rest.floor)))

    def _of_other(self, rest: Rest) -> tuple[Any, ...]:
        biases = self._biases[self._last]
        residuals = -self._targets if biases is None else biases - self._targets
        last = self._weights[self._last].numpy()
        relu = bool(self._layers[rest.place].activations)
        return relu, rest.without.numpy(), rest.weights.numpy().copy(), last, residuals.numpy()

    def _product(self, place: int, unit: int, source: int | None, *, with_bias: bool) -> Tensor:
        layer = self._layers[place]
        if layer.inputs * self._a[0].shape[1] > MOST_PRODUCTS:
            return super()._product(place, unit, source, with_bias=with_bias)
        start = layer.weight.start + unit * layer.inputs
        weights = self._flat[start : start + layer.inputs]
        with_bias = with_bias and layer.bias is not None
        bias = self._flat[layer.bias.start + unit] if with_bias and layer.bias else self._flat.dtype.type(0)
        z = torch.empty_like(self._a[place + 1][unit])
        self._kernels.product(
            self._a_arrays[place], weights, -1 if source is None else source, bias, z.numpy()
        )
        return z


def _is_relu(layer: Layer) -> bool:
    return layer.activations == (torch.relu_,)
