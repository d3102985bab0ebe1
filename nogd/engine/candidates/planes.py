"""A unit's sets of incoming weights through a chain: its own activations, and what lies downstream of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nogd.engine.candidates.answers import Answers, Piece
from nogd.engine.candidates.unit import Unit
from nogd.engine.layers.chain import Chain
from nogd.engine.layers.steps import (
    BatchNorm,
    Elementwise,
    Flatten,
    Pool,
    Product,
    ScratchBuffers,
    Step,
    StepInput,
    Unfold,
)

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


class UnitAnswers(Answers):
    """Of a unit whose layer is the step of number `place` of the chain's own, and no other."""

    def __init__(self, chain: Chain, unit: Unit, place: int) -> None:
        super().__init__(chain, len(unit))
        self._unit, self._place = unit, place
        later = enumerate(chain.own[place + 1 :], place + 1)
        self._joint = next((k for k, step in later if not isinstance(step, _BY_ITSELF)), len(chain.own))
        """The step from which on other units depend on this one."""

    def pieces(self, inputs: Tensor) -> Iterator[Piece]:
        chain, theta, scratch = self.chain, self._unit.theta[None], ScratchBuffers(inputs)
        a = self._base(chain.begin(inputs), 0, self._place)
        others = self._base(a, self._place, self._joint)
        joint = chain.own[self._joint] if self._joint < len(chain.own) else None
        rest: Tensor | None = None
        for start in range(0, self.count, chunk := self.chunk(inputs)):
            numbers = slice(start, min(self.count, start + chunk))
            rows = self._rows(a[0], numbers, theta)
            for step in chain.own[self._place + 1 : self._joint]:
                rows = rows.behind(step, theta, scratch)
            every = list(range(numbers.start, numbers.stop))
            if isinstance(joint, Product):
                rest = _without(joint, theta, others, rows) if rest is None else rest
                z = _with(joint, theta, rest, rows).view(len(every), joint.outputs, *others.shape[2:])
                yield every, chain.finish(theta, z, scratch, self._joint + 1)
            else:
                yield every, chain.finish(theta, _put(others, rows), scratch, self._joint)

    def _base(self, a: Tensor, start: int, stop: int) -> Tensor:
        """At theta, from what goes into one step to what goes into another, in memory of its own."""
        scratch = ScratchBuffers(a)
        for step in self.chain.own[start:stop]:
            a = step(self._unit.theta[None], a, scratch)
        return a

    def _rows(self, a: Tensor, numbers: slice, theta: Tensor) -> _Rows:
        """The unit's pre-activations; a `[inputs, ..., n]`."""
        product, unit = self.chain.own[self._place], self._unit
        assert isinstance(product, Product)
        weights, flat = unit.weights[numbers], a.flatten(1)
        if product.ones:
            z = weights @ flat
        else:
            z = weights[:, : unit.fan_in] @ flat
            if unit.biases is not None:
                z.add_(unit.biases[numbers, None])
            elif product.bias is not None:
                z.add_(product.bias.of(theta, product.outputs)[0, unit.unit])
        return _Rows(z.view(len(weights), 1, *a.shape[1:]), unit.unit)


def unit_answers(chain: Chain, unit: Unit) -> UnitAnswers | None:
    """None where the unit's weights stand in more than one step."""
    layer = unit.layer
    starts = {place.start for place in (layer.weight, layer.bias) if place is not None}
    using = [k for k, step in enumerate(chain.own) if any(t.start in starts for t in step.places)]
    if len(using) == 1 and isinstance(chain.own[using[0]], Product):
        return UnitAnswers(chain, unit, using[0])
    return None


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
