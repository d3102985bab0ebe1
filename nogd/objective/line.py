"""Score the values that one coordinate of a stack takes: only what lies downstream of the changed unit is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nogd.objective.losses import Loss, mse
from nogd.objective.minimum import Chain, Link, kinks_of
from nogd.objective.stack import CHUNK_ELEMENTS, Layer, Stack


@dataclass(frozen=True, slots=True)
class Rest:
    """What the network does besides one unit; it stays while coordinates of that unit are tried or moved.

    without: what the next layer gets from its bias and all other units, `[outputs, N]`. weights: of the next layer,
    from the unit, `[outputs]`.
    """

    place: int
    unit: int
    without: Tensor
    weights: Tensor


@dataclass(frozen=True, slots=True)
class LinearRest:
    """The same under squared error where all behind the unit is linear: one number an example carries the loss.

    With h `[N]` the unit's activation, the loss is `scale * sum((offset + gain * h) ** 2) + floor`.
    """

    place: int
    unit: int
    offset: Tensor
    gain: Tensor
    scale: Tensor
    floor: Tensor


class StackTracks:
    """Keeps each layer's activations, features first, as far down as they were asked for.

    Every unit's row is computed by one and the same product of its inputs, at the start as after a move: the tracks
    add up no differences, so they cannot drift. A line's losses do not depend on the coordinate's present value, not
    even in the last bit: a search that has come to rest finds the same losses sweep after sweep. What the network
    does besides the unit that varies is kept while coordinates of that unit are tried.
    """

    def __init__(self, theta: Tensor, stack: Stack, inputs: Tensor, targets: Tensor, loss: Loss) -> None:
        self._theta, self._layers, self._targets, self._loss = theta, stack.layers, targets, loss
        self._a = [inputs, *(inputs.new_empty(layer.outputs, inputs.shape[1]) for layer in stack.layers)]
        # Views of theta, which moves change in place; made anew for each line they would cost as much as the scoring.
        self._weights = [layer.weights(theta) for layer in stack.layers]
        self._biases = [layer.biases(theta) for layer in stack.layers]
        self._flops = [_flops(stack.layers[k + 1 :], inputs.shape[1]) for k in range(len(stack.layers))]
        self._last = len(stack.layers) - 1
        self._is_linear = [self._linear_behind(k) for k in range(len(stack.layers))]
        self._buffers: dict[tuple[str, int, int], Tensor] = {}
        self._valid = 0  # layers whose rows are those of the present theta, but for ...
        self._moved: tuple[int, int] | None = None  # ... this unit, which has moved and is not needed yet
        self._rest: Rest | LinearRest | None = None

    def losses(self, index: int, values: Tensor) -> Tensor:
        place, unit, source = self._where(index)
        self._validate(place, unit)
        z = self._product(place, unit, source, with_bias=source is not None)
        chunk = self._chunk(place)
        if len(values) <= chunk:
            return self._part(place, unit, source, z, values)
        return torch.cat([self._part(place, unit, source, z, part) for part in values.split(chunk)])

    def moved(self, index: int) -> None:
        place, unit, _ = self._where(index)
        if self._rest is not None and (self._rest.place != place or self._rest.unit != unit):
            self._rest = None
        if place < self._valid:
            if self._moved is not None and self._moved != (place, unit) and self._moved[0] <= place:
                self._row(*self._moved)
            self._moved = (place, unit)
            self._valid = place + 1

    def flops(self, index: int, count: int) -> float:
        return count * self._flops[self._where(index)[0]]

    def chain(self, index: int) -> Chain | None:
        """What the coordinate does to the residuals where the loss is piecewise a parabola in it, else None."""
        place, unit, source = self._where(index)
        kinks = [kinks_of(layer) for layer in self._layers[place:]]
        if self._loss is not mse or None in kinks:
            return None
        self._validate(place, unit)
        z = self._product(place, unit, source, with_bias=source is not None).double()
        a = torch.ones_like(z) if source is None else self._a[place][source].double()
        targets = (self._targets[unit : unit + 1] if place == self._last else self._targets).double()
        links = [
            self._link(later, place, unit, bends or ())
            for later, bends in enumerate(kinks[1:], place + 1)
        ]  # fmt: skip
        return Chain(z, a, self._layers[place], kinks[0] or (), tuple(links), targets)

    def _link(self, later: int, place: int, unit: int, kinks: tuple[float, ...]) -> Link:
        weights, biases = self._weights[later], self._biases[later]
        if later == place + 1:
            others, weights = self._without(place, unit), weights[:, unit : unit + 1]
        else:
            others = weights.new_zeros(len(weights), 1) if biases is None else biases
        return Link(weights.double(), others.double(), self._layers[later], kinks)

    def _where(self, index: int) -> tuple[int, int, int | None]:
        """Layer, unit and input of a coordinate; no input for a bias."""
        for place, layer in enumerate(self._layers):
            if layer.weight.start <= index < layer.weight.stop:
                unit, source = divmod(index - layer.weight.start, layer.inputs)
                return place, unit, source
            if layer.bias is not None and layer.bias.start <= index < layer.bias.stop:
                return place, index - layer.bias.start, None
        raise IndexError(f"coordinate {index} of {len(self._theta)}")

    # -- the rows of units

    def _validate(self, place: int, unit: int) -> None:
        """Bring the rows up to date that a line of that unit looks at: all up to its layer, but for its own."""
        if self._moved is not None and self._moved != (place, unit):
            self._row(*self._moved)
            self._moved = None
        for stale in range(self._valid, place + 1):
            for each in range(self._layers[stale].outputs):
                self._row(stale, each)
        self._valid = max(self._valid, place + 1)

    def _row(self, place: int, unit: int) -> None:
        layer = self._layers[place]
        # Row by row from the start: torch takes the last few elements of an array by another formula than the rest,
        # so a row in the midst of a matrix may differ from the same row by itself in the last bit.
        self._a[place + 1][unit] = layer.activate(self._product(place, unit, None, with_bias=True))

    def _product(self, place: int, unit: int, source: int | None, *, with_bias: bool) -> Tensor:
        """The unit's pre-activation `[N]`, with 0 in place of the weight of one input if `source` names it."""
        layer = self._layers[place]
        start = layer.weight.start + unit * layer.inputs
        weights = self._theta[start : start + layer.inputs]
        if source is not None:
            weights = weights.clone()
            weights[source] = 0.0
        z = torch.mv(self._a[place].T, weights)
        return z.add_(self._theta[layer.bias.start + unit]) if with_bias and layer.bias is not None else z

    # -- what stays while a unit is tried

    def _linear_behind(self, place: int) -> bool:
        """Whether the loss is a sum of squares of what is linear in the activations of that layer."""
        return self._loss is mse and not any(layer.activations for layer in self._layers[place + 1 :])

    def _linear_rest(self, place: int, unit: int) -> LinearRest:
        rest = self._rest
        if not isinstance(rest, LinearRest) or rest.place != place or rest.unit != unit:
            self._rest = rest = self._make_linear_rest(place, unit)
        return rest

    def _make_linear_rest(self, place: int, unit: int) -> LinearRest:
        count = self._targets.numel()
        if place == self._last:
            others = torch.cat([self._a[-1][:unit], self._a[-1][unit + 1 :]])
            others = others - torch.cat([self._targets[:unit], self._targets[unit + 1 :]])
            one = self._theta.new_ones(())
            floor = others.square().sum() / count
            return LinearRest(place, unit, -self._targets[unit], one, one / count, floor)
        residuals, gains = self._without(place, unit), self._weights[place + 1][:, unit]
        for later in range(place + 2, self._last + 1):
            residuals = self._affine(later, self._weights[later], residuals)
            gains = self._weights[later] @ gains
        residuals = residuals - self._targets
        # Split the residuals `[outputs, N]` into their part along the gains, which the unit moves, and the rest.
        gain = gains.abs().amax()
        along = gains / torch.where(gain > 0, gain, 1)
        square = along @ along
        offset = (along @ residuals) / torch.where(square > 0, square, 1)
        floor = torch.addcmul(residuals, along[:, None], offset, value=-1).square_().sum() / count
        return LinearRest(place, unit, offset, gain, square / count, floor)

    def _other_rest(self, place: int, unit: int) -> Rest:
        rest = self._rest
        if not isinstance(rest, Rest) or rest.place != place or rest.unit != unit:
            weights = self._weights[place + 1][:, unit]
            self._rest = rest = Rest(place, unit, self._without(place, unit), weights)
        return rest

    def _without(self, place: int, unit: int) -> Tensor:
        """What the next layer gets from the bias and all other units, `[outputs, N]`."""
        a, weights = self._a[place + 1], self._weights[place + 1]
        a = torch.cat([a[:unit], a[unit + 1 :]])
        return self._affine(place + 1, torch.cat([weights[:, :unit], weights[:, unit + 1 :]], 1), a)

    # -- scoring; z `[N]` is the unit's pre-activation without the coordinate, a `[N]` what comes in by it

    def _part(self, place: int, unit: int, source: int | None, z: Tensor, values: Tensor) -> Tensor:
        a = None if source is None else self._a[place][source]
        if not self._is_linear[place]:
            return (
                self._through(self._other_rest(place, unit), z, a, values)
                if place < self._last
                else (self._reduce(self._last_outputs(unit, self._rows(place, z, a, values))))
            )
        rest = self._linear_rest(place, unit)
        if not self._layers[place].activations:
            return _parabola(rest, z, a, values)
        rows = torch.addcmul(rest.offset, self._rows(place, z, a, values), rest.gain)
        return _squares(rows).mul_(rest.scale).add_(rest.floor)

    def _rows(self, place: int, z: Tensor, a: Tensor | None, values: Tensor) -> Tensor:
        """The unit's activations `[G, N]`."""
        rows = self._buffer("unit", 1, len(values))[0]
        torch.add(z, values[:, None], out=rows) if a is None else torch.addcmul(
            z, values[:, None], a, out=rows
        )
        return self._layers[place].activate(rows)

    def _through(self, rest: Rest, z: Tensor, a: Tensor | None, values: Tensor) -> Tensor:
        """Losses by way of the layers behind the unit's, whose activations are `[outputs, G, N]`."""
        place, weights = rest.place, rest.weights[:, None]
        # A dead unit or a zero weight changes nothing here, exactly: what the plain definition ties stays tied.
        out = self._buffer("next", len(weights), len(values))
        if self._layers[place].activations:
            rows = self._rows(place, z, a, values)
            torch.addcmul(rest.without[:, None], weights[:, None], rows, out=out)
        else:  # the unit and the next layer are affine in the value: both at once
            slopes = weights.expand_as(rest.without) if a is None else weights * a
            base = torch.addcmul(rest.without, weights, z)
            torch.addcmul(base[:, None], values[:, None], slopes[:, None], out=out)
        out = self._layers[place + 1].activate(out)
        for later in range(place + 2, self._last + 1):
            out = self._layers[later].activate(self._next(later, out))
        return self._reduce(out)

    def _next(self, place: int, a: Tensor) -> Tensor:
        """Pre-activations `[outputs, G, N]` of a layer with inputs `[inputs, G, N]`."""
        weights, biases = self._weights[place], self._biases[place]
        out = self._buffer(f"{place}", len(weights), a.shape[1])
        start = a.new_zeros(len(weights), 1, 1) if biases is None else biases[:, None]
        if weights.numel() > _FEW_WEIGHTS:
            products = torch.bmm(weights.expand(a.shape[1], -1, -1), a.transpose(0, 1))
            return torch.add(products.transpose(0, 1), start, out=out)
        for unit, row in enumerate(out):
            torch.addcmul(start[unit], weights[unit, 0], a[0], out=row)
            for source in range(1, len(a)):
                row.addcmul_(weights[unit, source], a[source])
        return out

    def _last_outputs(self, unit: int, rows: Tensor) -> Tensor:
        outputs = self._buffer("outputs", len(self._a[-1]), len(rows)).copy_(self._a[-1][:, None])
        outputs[unit] = rows
        return outputs

    def _reduce(self, outputs: Tensor) -> Tensor:
        """Losses `[G]` of outputs `[outputs, G, N]`."""
        if self._loss is mse:
            residuals = outputs.sub_(self._targets[:, None])
            return _squares(residuals).sum(0).div_(self._targets.numel())
        assert self._loss.batched is not None
        return self._loss.batched(outputs.transpose(0, 1), self._targets)

    def _affine(self, place: int, weights: Tensor, a: Tensor) -> Tensor:
        z, biases = weights @ a, self._biases[place]
        return z if biases is None else z.add_(biases)

    # -- room

    def _chunk(self, place: int) -> int:
        """How many values of a coordinate to score at once, for the layers behind its own."""
        width = max((layer.outputs for layer in self._layers[place + 1 :]), default=self._layers[-1].outputs)
        if self._is_linear[place]:
            width = 1
        return max(1, CHUNK_ELEMENTS // max(1, width * self._a[0].shape[1]))

    def _buffer(self, layer: str, features: int, count: int) -> Tensor:
        """Room for `[features, count, N]`, used again by the next line; fresh pages cost as much as the scoring."""
        found = self._buffers.get((layer, features, count))
        if found is None:
            if len(self._buffers) >= _MOST_BUFFERS:
                self._buffers.clear()
            examples = self._a[0].shape[1]
            # Rows apart from each other: torch then goes through each in the same way, where it would take the last
            # elements of one long array by another formula, so that the last value's loss would differ in a tie.
            apart = (examples // _ROW_STEP + 1) * _ROW_STEP
            found = self._theta.new_empty(features, count, apart)[..., :examples]
            self._buffers[layer, features, count] = found
        return found


_MOST_BUFFERS = 16
_ROW_STEP = 16  # elements; rows begin where a cache line does
_FEW_WEIGHTS = 16  # up to here adding input by input is faster than a product for each value


def _squares(rows: Tensor) -> Tensor:
    """Sums of squares of `[..., N]` over the last dimension."""
    sums: Tensor = torch.linalg.vecdot(rows, rows)
    return sums


def _parabola(rest: LinearRest, z: Tensor, a: Tensor | None, values: Tensor) -> Tensor:
    """Losses where the residuals are linear in the value; in float64, so that no square overflows.

    Around the lowest point of the line, where no two large terms cancel: near-zero losses keep their digits.
    """
    residual = torch.addcmul(rest.offset, z, rest.gain).double()
    slope = (rest.gain.expand_as(z) if a is None else a * rest.gain).double()
    points = values.double()
    square = slope @ slope
    lowest = -(residual @ slope) / torch.where(square > 0, square, 1)
    lowest = torch.minimum(torch.maximum(lowest, points.min()), points.max())
    residual = torch.addcmul(residual, slope, lowest)
    away = points - lowest
    losses = (2 * (residual @ slope) + square * away).mul_(away).add_(residual @ residual)
    return losses.mul_(rest.scale).add_(rest.floor).to(values.dtype)


def _flops(later: Sequence[Layer], examples: int) -> float:
    """Arithmetic of scoring one value of a coordinate, for the layers behind its own."""
    next_one = later[0].outputs if later else 0
    return 2.0 * (1 + next_one + sum(layer.inputs * layer.outputs for layer in later[1:])) * examples
