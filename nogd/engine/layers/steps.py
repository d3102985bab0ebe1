"""The steps of a chain: what one layer does to a whole population at once.

All values are features first with the examples last: `[P, *features, N]`, or `[1, *features, N]` where all candidates
share them. Nothing is ever transposed, as products, pooling and unfolding all keep the examples together.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, cast

import torch
from torch import Tensor

from nogd.engine.space import Tensors

Shape = tuple[int, ...]
Pair = tuple[int, int]


class Thetas(Protocol):
    """Parameter vectors `[P, D]`, of which a step takes the places that it needs; a tensor is one.

    Where all of them share what lies there, one row may be given for all.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, places: tuple[slice, slice], /) -> Tensor: ...


class ScratchBuffers:
    """Memory that the steps of one call share: a value is made in one of two places while the other holds its input."""

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._places: list[Tensor | None] = [None, None]
        self._next = 0

    def take(self, *shape: int) -> Tensor:
        """An uninitialised tensor of that shape; good until the next but one is taken."""
        size, place = math.prod(shape), self._next
        self._next = 1 - place
        held = self._places[place]
        if held is None or held.numel() < size:
            held = self._places[place] = self._like.new_empty(size)
        return held[:size].view(shape)


@dataclass(frozen=True)
class StepInput:
    """Where the values of a parameter or a buffer come from: a place in theta, or a tensor that is the same for all."""

    place: Tensors | None
    fixed: Tensor | None = None

    @property
    def searched(self) -> bool:
        """Whether the values differ from candidate to candidate."""
        return self.place is not None

    def of(self, thetas: Thetas, *shape: int) -> Tensor:
        """The values of thetas `[P, D]` as `[P, *shape]`, or `[1, *shape]` where all share them."""
        if self.place is None:
            return cast(Tensor, self.fixed).detach().reshape(1, *shape)
        values = thetas[:, self.place.start : self.place.stop]
        return values.view(len(values), *shape)


def any_searched(*sources: StepInput | None) -> bool:
    """Whether any of these parameters differs from candidate to candidate."""
    return any(source is not None and source.searched for source in sources)


class Step(ABC):
    """One layer, a dataclass.

    searched: whether candidates differ behind it. fresh: whether what it gives is memory of its own.
    """

    fresh: ClassVar[bool] = True

    @property
    def searched(self) -> bool:
        return False

    @property
    def places(self) -> list[Tensors]:
        """Where in theta its parameters lie."""
        values = [getattr(self, each.name) for each in fields(cast(Any, self))]
        return [v.place for v in values if isinstance(v, StepInput) and v.place is not None]

    @abstractmethod
    def __call__(self, thetas: Thetas, a: Tensor, scratch: ScratchBuffers) -> Tensor:
        """The layer's outputs for thetas `[P, D]` and its inputs a."""

    @abstractmethod
    def shape(self, before: Shape) -> Shape:
        """The features that come out if these go in."""


@dataclass(frozen=True)
class Copy(Step):
    """Makes a copy, so that what follows may overwrite it."""

    def __call__(self, thetas: Thetas, a: Tensor, scratch: ScratchBuffers) -> Tensor:
        return a.clone()

    def shape(self, before: Shape) -> Shape:
        return before


@dataclass(frozen=True)
class Ones(Step):
    """Puts a row of ones behind the features, by which a product adds its bias for nothing."""

    def __call__(self, thetas: Thetas, a: Tensor, scratch: ScratchBuffers) -> Tensor:
        return torch.cat([a, a.new_ones(len(a), 1, *a.shape[2:])], 1)

    def shape(self, before: Shape) -> Shape:
        return (before[0] + 1, *before[1:])


@dataclass(frozen=True)
class Product(Step):
    """A matrix product over the first feature axis, `[inputs, ...]` to `[outputs, ...]`, and its bias.

    ones: the input ends in a row of ones that the bias is multiplied by.
    """

    weight: StepInput
    bias: StepInput | None
    inputs: int
    outputs: int
    ones: bool = False

    @property
    def searched(self) -> bool:
        return any_searched(self.weight, self.bias)

    def __call__(self, thetas: Thetas, a: Tensor, scratch: ScratchBuffers) -> Tensor:
        weights = self.weight.of(thetas, self.outputs, self.inputs)
        if self.ones:
            assert self.bias is not None
            biases = self.bias.of(thetas, self.outputs, 1)
            count = max(len(weights), len(biases))
            weights = torch.cat([each.expand(count, -1, -1) for each in (weights, biases)], 2)
        z = self._multiply(thetas, weights, a.flatten(2), scratch)
        return z.view(*z.shape[:2], *a.shape[2:])

    def _multiply(self, thetas: Thetas, weights: Tensor, a: Tensor, scratch: ScratchBuffers) -> Tensor:
        bias = None if self.bias is None or self.ones else self.bias.of(thetas, self.outputs, 1)
        count = max(len(weights), len(a), 1 if bias is None else len(bias))
        out = scratch.take(count, self.outputs, a.shape[2])
        if len(a) == 1 and len(weights) == count:  # one product does all candidates, as they share its input
            torch.mm(weights.flatten(0, 1), a[0], out=out.view(-1, a.shape[2]))
            return out if bias is None else out.add_(bias)
        weights, a = weights.expand(count, -1, -1), a.expand(count, -1, -1)
        if bias is None:
            return torch.bmm(weights, a, out=out)
        return torch.baddbmm(bias.expand(out.shape), weights, a, out=out)

    def shape(self, before: Shape) -> Shape:
        return (self.outputs, *before[1:])


@dataclass(frozen=True)
class Unfold(Step):
    """Writes out the patches of an image, `[C, H, W]` to `[C * kernel, H', W']`, so that a product convolves it."""

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair

    def __call__(self, thetas: Thetas, a: Tensor, scratch: ScratchBuffers) -> Tensor:
        (down, right), (y, x) = self.padding, self.dilation
        if down or right:
            a = torch.nn.functional.pad(a, (0, 0, right, right, down, down))
        count, channels, *_, examples = a.shape
        height, width = self._windows(*a.shape[2:4])
        strides = a.stride()
        moves = (strides[2] * y, strides[3] * x, strides[2] * self.stride[0], strides[3] * self.stride[1])
        size = (count, channels, *self.kernel, height, width, examples)
        patches = a.as_strided(size, (strides[0], strides[1], *moves, strides[4]), a.storage_offset())
        return scratch.take(*size).copy_(patches).view(count, -1, height, width, examples)

    def shape(self, before: Shape) -> Shape:
        (down, right), (channels, height, width) = self.padding, before
        windows = self._windows(height + 2 * down, width + 2 * right)
        return (channels * math.prod(self.kernel), *windows)

    def _windows(self, height: int, width: int) -> Pair:
        (y, x), (down, right), (kernel_y, kernel_x) = self.dilation, self.stride, self.kernel
        return (height - y * (kernel_y - 1) - 1) // down + 1, (width - x * (kernel_x - 1) - 1) // right + 1


@dataclass(frozen=True)
class Elementwise(Step):
    """An activation, which may overwrite its input."""

    function: Callable[[Tensor], Tensor]
    fresh: ClassVar[bool] = False

    def __call__(self, thetas: Thetas, a: Tensor, scratch: ScratchBuffers) -> Tensor:
        return self.function(a)

    def shape(self, before: Shape) -> Shape:
        return before


@dataclass(frozen=True)
class Flatten(Step):
    """All features in one axis."""

    fresh: ClassVar[bool] = False

    def __call__(self, thetas: Thetas, a: Tensor, scratch: ScratchBuffers) -> Tensor:
        return a.flatten(1, -2)

    def shape(self, before: Shape) -> Shape:
        return (math.prod(before),)


@dataclass(frozen=True)
class Pool(Step):
    """The greatest or the mean of each window of an image."""

    kernel: Pair
    stride: Pair
    greatest: bool

    def __call__(self, thetas: Thetas, a: Tensor, scratch: ScratchBuffers) -> Tensor:
        count, channels, height, width, examples = a.shape
        _, down, right = self.shape((channels, height, width))
        windows = [
            a[
                :,
                :,
                y : y + down * self.stride[0] : self.stride[0],
                x : x + right * self.stride[1] : self.stride[1],
            ]
            for y, x in itertools.product(range(self.kernel[0]), range(self.kernel[1]))
        ]
        out = scratch.take(count, channels, down, right, examples).copy_(windows[0])
        for window in windows[1:]:
            torch.maximum(out, window, out=out) if self.greatest else out.add_(window)
        return out if self.greatest else out.div_(len(windows))

    def shape(self, before: Shape) -> Shape:
        channels, height, width = before
        down = (height - self.kernel[0]) // self.stride[0] + 1
        return channels, down, (width - self.kernel[1]) // self.stride[1] + 1


@dataclass(frozen=True)
class LayerNorm(Step):
    """Normalises the last `axes` feature axes of each example, then scales and shifts them."""

    normalised: Shape
    epsilon: float
    weight: StepInput | None
    bias: StepInput | None

    @property
    def searched(self) -> bool:
        return any_searched(self.weight, self.bias)

    def __call__(self, thetas: Thetas, a: Tensor, scratch: ScratchBuffers) -> Tensor:
        axes = list(range(-1 - len(self.normalised), -1))
        variance, mean = torch.var_mean(a, axes, correction=0, keepdim=True)
        a = (a - mean).mul_(variance.add_(self.epsilon).rsqrt_())
        lead = (1,) * (a.ndim - 2 - len(self.normalised))
        shape = (*lead, *self.normalised, 1)
        return scaled(a, thetas, self.weight, self.bias, shape)

    def shape(self, before: Shape) -> Shape:
        return before


@dataclass(frozen=True)
class BatchNorm(Step):
    """Normalises each channel by the statistics that the module keeps, then scales and shifts it."""

    mean: StepInput
    variance: StepInput
    epsilon: float
    weight: StepInput | None
    bias: StepInput | None

    @property
    def searched(self) -> bool:
        return any_searched(self.weight, self.bias)

    def __call__(self, thetas: Thetas, a: Tensor, scratch: ScratchBuffers) -> Tensor:
        shape = (a.shape[1], *(1,) * (a.ndim - 2))
        mean, variance = self.mean.of(thetas, *shape), self.variance.of(thetas, *shape)
        a = (a - mean).mul_((variance + self.epsilon).rsqrt())
        return scaled(a, thetas, self.weight, self.bias, shape)

    def shape(self, before: Shape) -> Shape:
        return before


def scaled(
    a: Tensor, thetas: Thetas, weight: StepInput | None, bias: StepInput | None, shape: Shape
) -> Tensor:
    """a times the weight plus the bias, each of that shape; a may be overwritten."""
    if weight is not None:
        by = weight.of(thetas, *shape)
        a = a.mul_(by) if len(by) <= len(a) else a * by
    if bias is not None:
        by = bias.of(thetas, *shape)
        a = a.add_(by) if len(by) <= len(a) else a + by
    return a
