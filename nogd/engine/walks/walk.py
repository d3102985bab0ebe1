"""Walk along coordinates from one theta: only what lies downstream of the changed unit is computed anew."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from nogd.engine.layers.chunks import chunk_size
from nogd.engine.layers.stack import Layer, Stack
from nogd.engine.losses import Loss, mse, ranked
from nogd.engine.walks.minimum import LayerLink, PiecewisePath, kinks_of


class ActivationCache(ABC):
    """What a walk keeps about its theta; a pure function of theta, so that a rebuilt one gives the same bits."""

    @abstractmethod
    def losses(self, index: int, values: Tensor) -> Tensor:
        """Losses `[G]` with coordinate `index` at each of the values `[G]`."""

    def lowest(self, index: int, values: Tensor) -> tuple[Tensor, int, float]:
        """The losses, infinite where not finite, the place of the lowest (the first on ties), and it.

        The losses are good until the next call.
        """
        with torch.no_grad():
            losses = ranked(self.losses(index, values))
        place = int(losses.argmin())
        return losses, place, float(losses[place])

    def warm_up(self) -> None:  # noqa: B027  # most have nothing to do
        """Do what costs more the first time in a process."""

    @abstractmethod
    def moved(self, index: int) -> None:
        """Coordinate `index` of theta has been changed."""

    @abstractmethod
    def flops(self, index: int, count: int) -> float:
        """Arithmetic of scoring that many values of the coordinate."""

    @abstractmethod
    def path(self, index: int) -> PiecewisePath | None:
        """What the coordinate does to the residuals where the loss is piecewise a parabola in it, else None."""


class Scorer(Protocol):
    """Whatever scores whole candidates."""

    def losses(self, thetas: Tensor) -> Tensor:
        """Losses of thetas `[P, D]`, as `[P]`."""


class DenseCache(ActivationCache):
    """Keeps nothing: every value is a whole forward pass."""

    def __init__(self, theta: Tensor, scorer: Scorer, flops_of_forward: float) -> None:
        self._theta, self._scorer, self._flops = theta, scorer, flops_of_forward

    def losses(self, index: int, values: Tensor) -> Tensor:
        thetas = self._theta.repeat(len(values), 1)
        thetas[:, index] = values
        return self._scorer.losses(thetas)

    def moved(self, index: int) -> None:
        """Nothing is kept, so nothing changes."""

    def flops(self, index: int, count: int) -> float:
        return self._flops * count

    def path(self, index: int) -> PiecewisePath | None:
        return None


class StackCache(ActivationCache):
    """Keeps each layer's activations, features first, as far down as they were asked for.

    Every unit's row is computed by one and the same product of its inputs, at the start as after a move: the cache
    add up no differences, so they cannot drift. What the next layer gets from all units but the one that varies is
    kept while coordinates of that unit are tried, as a move along them does not change it.
    """

    def __init__(self, theta: Tensor, stack: Stack, inputs: Tensor, targets: Tensor, loss: Loss) -> None:
        self._theta, self._layers, self._targets, self._loss = theta, stack.layers, targets, loss
        self._a = [inputs, *(inputs.new_empty(layer.outputs, inputs.shape[1]) for layer in stack.layers)]
        # Views of theta, which moves change in place; made anew for each line they would cost as much as the scoring.
        self._weights = [layer.weights(theta) for layer in stack.layers]
        self._biases = [layer.biases(theta) for layer in stack.layers]
        self._chunks = [_chunk(stack.layers[k + 1 :], inputs) for k in range(len(stack.layers))]
        self._flops = [flops_of(stack.layers[k + 1 :], inputs.shape[1]) for k in range(len(stack.layers))]
        self._valid = 0  # layers whose rows are those of the present theta
        self._others: tuple[int, int, Tensor] | None = (
            None  # layer, unit, and what the next layer gets without it
        )

    def losses(self, index: int, values: Tensor) -> Tensor:
        place, unit, source = self._where(index)
        self._validate(place)
        z, chunk = self._apart(place, unit, source), self._chunks[place]
        if len(values) <= chunk:
            return self._part(place, unit, source, z, values)
        return torch.cat([self._part(place, unit, source, z, part) for part in values.split(chunk)])

    def _apart(self, place: int, unit: int, source: int | None) -> Tensor:
        """The unit's pre-activations `[N]` without the coordinate.

        Added up anew: to subtract the present value's part would lose digits, and of an infinity all.
        """
        layer, a = self._layers[place], self._a[place]
        weights = self._weights[place][unit]
        if source is None:
            return a.T @ weights
        z = a[:source].T @ weights[:source] + a[source + 1 :].T @ weights[source + 1 :]
        return z if layer.bias is None else z.add_(self._theta[layer.bias.start + unit])

    def moved(self, index: int) -> None:
        place, unit, _ = self._where(index)
        if self._others is not None and self._others[:2] != (place, unit):
            self._others = None
        if place < self._valid:
            self._row(place, unit)
            self._valid = place + 1

    def flops(self, index: int, count: int) -> float:
        return count * self._flops[self._where(index)[0]]

    def path(self, index: int) -> PiecewisePath | None:
        place, unit, source = self._where(index)
        kinks = [kinks_of(layer) for layer in self._layers[place:]]
        if self._loss is not mse or None in kinks:
            return None
        self._validate(place)
        z = self._apart(place, unit, source).double()
        a = torch.ones_like(z) if source is None else self._a[place][source]
        is_last = place + 1 == len(self._layers)
        targets = self._targets[unit : unit + 1] if is_last else self._targets
        links = [self._link(later, place, unit, own or ()) for later, own in enumerate(kinks[1:], place + 1)]
        return PiecewisePath(
            z, a.double(), self._layers[place], kinks[0] or (), tuple(links), targets.double()
        )

    def _link(self, later: int, place: int, unit: int, kinks: tuple[float, ...]) -> LayerLink:
        weights, biases = self._weights[later], self._biases[later]
        if later == place + 1:
            others, weights = self._without(place, unit), weights[:, unit : unit + 1]
        else:
            others = weights.new_zeros(len(weights), 1) if biases is None else biases
        return LayerLink(weights.double(), others.double(), self._layers[later], kinks)

    def _where(self, index: int) -> tuple[int, int, int | None]:
        """Layer, unit and input of a coordinate; no input for a bias."""
        for place, layer in enumerate(self._layers):
            if layer.weight.start <= index < layer.weight.stop:
                unit, source = divmod(index - layer.weight.start, layer.inputs)
                return place, unit, source
            if layer.bias is not None and layer.bias.start <= index < layer.bias.stop:
                return place, index - layer.bias.start, None
        raise IndexError(f"coordinate {index} of {len(self._theta)}")

    def _validate(self, place: int) -> None:
        for stale in range(self._valid, place + 1):
            for unit in range(self._layers[stale].outputs):
                self._row(stale, unit)
        self._valid = max(self._valid, place + 1)

    def _row(self, place: int, unit: int) -> None:
        layer = self._layers[place]
        z = self._a[place].T @ self._weights[place][unit]
        if layer.bias is not None:
            z += self._theta[layer.bias.start + unit]
        # Row by row here too: torch takes the last few elements of an array by another formula than the rest, so a
        # row in the midst of a matrix may differ from the same row by itself in the last bit.
        self._a[place + 1][unit] = layer.activate(z)

    def _part(self, place: int, unit: int, source: int | None, z: Tensor, values: Tensor) -> Tensor:
        layer, values = self._layers[place], values[:, None]
        z = z + values if source is None else torch.addcmul(z, values, self._a[place][source])  # [G, N]
        row = layer.activate(z)
        outputs = (
            self._last_row(unit, row)
            if place + 1 == len(self._layers)
            else self._downstream(place, unit, row)
        )
        assert self._loss.batched is not None
        return self._loss.batched(outputs, self._targets)

    def _last_row(self, unit: int, row: Tensor) -> Tensor:
        if len(self._a[-1]) == 1:
            return row[:, None]
        outputs = self._a[-1].repeat(len(row), 1, 1)
        outputs[:, unit] = row
        return outputs

    def _downstream(self, place: int, unit: int, row: Tensor) -> Tensor:
        after = self._layers[place + 1]
        weights = self._weights[place + 1][:, unit]
        # A dead unit or a zero weight changes nothing here, exactly: what the plain definition ties stays tied.
        a = after.activate(torch.addcmul(self._without(place, unit), weights[None, :, None], row[:, None]))
        for later in range(place + 2, len(self._layers)):
            a = self._layers[later].activate(self._affine(later, self._weights[later], a))
        return a

    def _without(self, place: int, unit: int) -> Tensor:
        """What the next layer gets from the bias and all other units, `[outputs, N]`."""
        if self._others is None or self._others[:2] != (place, unit):
            a = self._a[place + 1]
            weights = self._weights[place + 1]
            # By slices: a list of numbers would have to travel to a GPU each time.
            others = (
                torch.cat([weights[:, :unit], weights[:, unit + 1 :]], 1),
                torch.cat([a[:unit], a[unit + 1 :]]),
            )
            z = self._affine(place + 1, *others)
            self._others = (place, unit, z)
        return self._others[2]

    def _affine(self, place: int, weights: Tensor, a: Tensor) -> Tensor:
        z, biases = weights @ a, self._biases[place]
        return z if biases is None else z.add_(biases)


def _chunk(later: Sequence[Layer], inputs: Tensor) -> int:
    """How many values of a coordinate to score at once, for the layers behind its own."""
    width = max((layer.outputs for layer in later), default=1) * inputs.shape[1]
    return chunk_size(width, inputs.device)


def flops_of(later: Sequence[Layer], examples: int) -> float:
    """Arithmetic of scoring one value of a coordinate, for the layers behind its own."""
    next_one = later[0].outputs if later else 0
    return 2.0 * (1 + next_one + sum(layer.inputs * layer.outputs for layer in later[1:])) * examples
