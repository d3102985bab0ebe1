"""A unit's sets of incoming weights through a chain: its own activations, and what lies downstream of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import cast

import torch
from torch import Tensor

from nogd.engine.candidates.answers import Answers, Piece
from nogd.engine.candidates.unit import UnitWeights
from nogd.engine.layers.chain import Chain
from nogd.engine.layers.steps import (
    BatchNorm,
    Elementwise,
    Flatten,
    Pool,
    Product,
    ScratchBuffers,
    Shape,
    Step,
    StepInput,
    Unfold,
)
from nogd.engine.layers.units import HiddenUnit
from nogd.engine.space import Tensors

_BY_ITSELF = (Elementwise, Flatten, Pool, Unfold, BatchNorm)
"""Steps that compute each channel from that channel alone."""


@dataclass(frozen=True)
class _Rows:
    """What one unit has become behind some steps: values `[M, rows, ..., n]` of the features from `start` on."""

    values: Tensor
    start: int

    @property
    def stop(self) -> int:
        return self.start + self.values.shape[1]

    def behind(self, step: Step, theta: Tensor, scratch: ScratchBuffers) -> _Rows:
        """The same behind a step that computes each channel from that channel alone."""
        if isinstance(step, BatchNorm):
            step = _of_rows(step, theta, slice(self.start, self.stop))
        values = step(theta, self.values, scratch)
        return _Rows(values, self.start * values.shape[1] // self.values.shape[1])


@dataclass(frozen=True)
class Path:
    """A unit's way through a chain: the product of number `place` among the chain's own steps has its weights, and no
    other step; from step `joint` on other units depend on it.
    """

    chain: Chain
    unit: HiddenUnit
    place: int
    joint: int

    @property
    def is_alone(self) -> bool:
        """Whether no other unit depends on it."""
        return self.joint == len(self.chain.own)

    @property
    def product(self) -> Product:
        """The step that has its weights."""
        return cast(Product, self.chain.own[self.place])

    @property
    def features(self) -> int:
        """How many of the chain's outputs are the unit's, if it is alone."""
        return math.prod(self.chain.outputs) // self.product.outputs

    def flops(self, features: Shape) -> float:
        """Floating-point operations of the products for one set of weights and one example of these features."""
        every = [*self.chain.shared, *self.chain.own]
        shapes = list(accumulate(every, lambda shape, step: step.shape(shape), initial=features))
        before = shapes[len(self.chain.shared) :]  # what goes into each of the own steps, and what comes out
        multiplications = self.unit.fan_in * math.prod(before[self.place + 1][1:])
        for number, step in enumerate(self.chain.own[self.joint :], self.joint):
            if isinstance(step, Product):
                inputs = before[number][0] // self.product.outputs if number == self.joint else step.inputs
                multiplications += inputs * math.prod(before[number + 1])
        return 2.0 * multiplications


class UnitAnswers(Answers):
    """Of sets of weights of one unit."""

    def __init__(self, path: Path, unit: UnitWeights) -> None:
        super().__init__(path.chain, len(unit))
        self._path, self._unit, self._theta = path, unit, unit.theta[None]

    def pieces(self, inputs: Tensor) -> Iterator[Piece]:
        chain, theta, scratch = self.chain, self._theta, ScratchBuffers(inputs)
        place, number = self._path.place, self._path.joint
        a = self._base(chain.begin(inputs), 0, place)
        others = self._base(a, place, number)
        joint = None if self._path.is_alone else chain.own[number]
        rest: Tensor | None = None
        for start in range(0, self.count, chunk := self.chunk(inputs)):
            numbers = slice(start, min(self.count, start + chunk))
            rows = self._rows(a[0], numbers, scratch)
            every = list(range(numbers.start, numbers.stop))
            if isinstance(joint, Product):
                rest = _without(joint, theta, others, rows) if rest is None else rest
                z = _with(joint, theta, rest, rows).view(len(every), joint.outputs, *others.shape[2:])
                yield every, chain.finish(theta, z, scratch, number + 1)
            else:
                yield every, chain.finish(theta, _put(others, rows), scratch, number)

    def columns(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of a unit that is alone, all candidates and examples at once, as all outputs would take more memory.

        Theta's outputs `[1, outputs, n]`, which of them are the unit's, `[s]`, and what these become, `[M, s, n]`.
        """
        a = self._base(self.chain.begin(inputs), 0, self._path.place)
        rows = self._rows(a[0], slice(None), ScratchBuffers(inputs))
        present = self._base(a, self._path.place, self._path.joint)
        return present, torch.arange(rows.start, rows.stop, device=a.device), rows.values

    def _base(self, a: Tensor, start: int, stop: int) -> Tensor:
        """At theta, from what goes into one step to what goes into another, in memory of its own."""
        scratch = ScratchBuffers(a)
        for step in self.chain.own[start:stop]:
            a = step(self._theta, a, scratch)
        return a

    def _rows(self, a: Tensor, numbers: slice, scratch: ScratchBuffers) -> _Rows:
        """What the unit has become where others depend on it; a `[inputs, ..., n]`: what goes into its layer."""
        rows = _Rows(self._products(a, numbers), self._unit.place.number)
        for step in self.chain.own[self._path.place + 1 : self._path.joint]:
            rows = rows.behind(step, self._theta, scratch)
        return rows

    def _products(self, a: Tensor, numbers: slice) -> Tensor:
        """The unit's pre-activations, `[M, 1, ..., n]`."""
        product, unit = self._path.product, self._unit
        weights, flat = unit.weights[numbers], a.flatten(1)
        if product.ones:
            z = weights @ flat
        else:
            z = weights[:, : unit.place.fan_in] @ flat
            if unit.biases is not None:
                z.add_(unit.biases[numbers, None])
            elif product.bias is not None:
                z.add_(product.bias.of(self._theta, product.outputs)[0, unit.place.number])
        return z.view(len(weights), 1, *a.shape[1:])


def path_of(chain: Chain, unit: HiddenUnit) -> Path | None:
    """None where the unit's weights stand in more than one step, or are no product's."""
    first, last = unit.start, int(unit.coordinates[-1])
    using = [
        k
        for k, step in enumerate(chain.own)
        if any(_within(t, first) or _within(t, last) for t in step.places)
    ]
    if len(using) != 1 or not isinstance(product := chain.own[using[0]], Product):
        return None
    bias = None if product.bias is None else product.bias.place
    if product.weight.place is None or (bias is not None and _within(bias, last)) is not unit.bias:
        return None
    later = enumerate(chain.own[using[0] + 1 :], using[0] + 1)
    joint = next((k for k, step in later if not isinstance(step, _BY_ITSELF)), len(chain.own))
    return Path(chain, unit, using[0], joint)


def unit_answers(chain: Chain, unit: UnitWeights) -> UnitAnswers | None:
    """None where the chain has no path for the unit."""
    path = path_of(chain, unit.place)
    return None if path is None else UnitAnswers(path, unit)


def _within(tensor: Tensors, coordinate: int) -> bool:
    return tensor.start <= coordinate < tensor.stop


def _of_rows(step: BatchNorm, theta: Tensor, rows: slice) -> BatchNorm:
    """The step for some of its channels."""

    def part(source: StepInput) -> StepInput:
        return StepInput(None, source.of(theta, -1)[0, rows])

    weight, bias = (None if each is None else part(each) for each in (step.weight, step.bias))
    return replace(step, mean=part(step.mean), variance=part(step.variance), weight=weight, bias=bias)


def _without(product: Product, theta: Tensor, a: Tensor, rows: _Rows) -> Tensor:
    """What the product gives without these rows of its input a `[1, inputs, ..., n]`, `[1, outputs, ... * n]`.

    Added up anew: to subtract their part would lose digits, and of an infinity all.
    """
    weights, flat = product.weight.of(theta, product.outputs, product.inputs)[0], a[0].flatten(1)
    start, stop = rows.start, rows.stop
    z = (torch.cat([weights[:, :start], weights[:, stop:]], 1) @ torch.cat([flat[:start], flat[stop:]]))[None]
    return z if product.bias is None else z.add_(product.bias.of(theta, product.outputs, 1))


def _with(product: Product, theta: Tensor, rest: Tensor, rows: _Rows) -> Tensor:
    """And with them, for each candidate."""
    weights = product.weight.of(theta, product.outputs, product.inputs)[:, :, rows.start : rows.stop]
    flat = rows.values.flatten(2)
    if flat.shape[1] == 1:  # a product of one term takes longer than all the passes over its result
        return torch.addcmul(rest, weights, flat)
    count = len(flat)
    return torch.baddbmm(rest.expand(count, -1, -1), weights.expand(count, -1, -1), flat)


def _put(others: Tensor, rows: _Rows) -> Tensor:
    """All features, with these rows among the others `[1, features, ..., n]`."""
    values = others.repeat(len(rows.values), *(1,) * (others.ndim - 1))
    values[:, rows.start : rows.stop] = rows.values
    return values
