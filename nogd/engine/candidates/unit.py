"""One unit takes several sets of incoming weights, all else stays as it is."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from nogd.engine.candidates.sets import as_tensor
from nogd.engine.layers.listing import NamedLayer
from nogd.engine.layers.units import HiddenUnit, unit_at
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting

_KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_MATRIX = 2


@dataclass(frozen=True, eq=False)
class UnitWeights:
    """M sets of incoming weights of one unit. theta: `[D]`, only read; weights: `[M, F]`, of theta's kind."""

    theta: Tensor
    place: HiddenUnit
    weights: Tensor

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def dimension(self) -> int:
        """D."""
        return len(self.theta)

    @property
    def biases(self) -> Tensor | None:
        """The biases that it takes, `[M]`, where they are searched."""
        return self.weights[:, -1] if self.place.bias else None

    def dense(self) -> Tensor:
        return self._part(slice(None))

    def at(self, k: int) -> Tensor:
        """Candidate k, `[D]`."""
        return self._part(slice(k, k + 1))[0]

    def written_out(self, count: int) -> Iterator[Tensor]:
        """All candidates in order, so many at a time, `[count, D]`."""
        for start in range(0, len(self), count):
            yield self._part(slice(start, start + count))

    def _part(self, numbers: slice) -> Tensor:
        weights = self.weights[numbers]
        thetas = self.theta.repeat(len(weights), 1)
        thetas[:, self.place.coordinates.to(thetas.device)] = weights
        return thetas


class Unit(UnitWeights):
    """One unit takes M sets of incoming weights; what comes before it, and beside it, is computed once for all.

    :param theta: `[D]`; only read.
    :param layer: a linear layer or a convolution of `objective.layers`, whose weights are searched.
    :param unit: number of its output, or of its output channel.
    :param weights: `[M, fan_in + 1]`, of which the last is the bias, or `[M, fan_in]` where none is searched. Those of
        a convolution's channel are its weights in `[inputs, height, width]`, row by row.
    """

    def __init__(self, theta: Tensor, layer: NamedLayer, unit: int, weights: Tensor) -> None:
        theta = as_tensor(theta)
        if theta.ndim != 1:
            raise InvalidSetting(f"a Unit takes theta [D], but this one has shape {list(theta.shape)}.")
        place = _place(layer, unit)
        weights = as_tensor(weights, theta.dtype).to(theta.device)
        if weights.ndim != _MATRIX or weights.shape[1] != len(place):
            raise InvalidSetting(
                f"layer {layer.name!r} takes weights [M, {len(place)}] for a unit"
                f"{', with the bias behind them' if place.bias else ''}, not {list(weights.shape)}."
            )
        super().__init__(theta, place, weights)
        object.__setattr__(self, "layer", layer)

    layer: NamedLayer

    def fits(self, space: ParameterSpace) -> bool:
        """Whether the layer is one of the network with these parameters."""
        own = {(t.start, t.stop) for t in space}
        places = [place for place in (self.layer.weight, self.layer.bias) if place is not None]
        return all((place.start, place.stop) in own for place in places)


def _place(layer: object, unit: object) -> HiddenUnit:
    """The unit of that number. Raises InvalidSetting for what is no such layer, or no such unit."""
    if not isinstance(layer, NamedLayer) or not isinstance(layer.module, _KINDS) or layer.weight is None:
        what = f"layer {layer.name!r}" if isinstance(layer, NamedLayer) else f"{layer!r:.60}"
        raise InvalidSetting(
            f"a Unit belongs to a linear layer or a convolution of `objective.layers` whose weights are searched,"
            f" which {what} is not."
        )
    units = len(layer.module.weight)
    number = _checked_number(unit, units, layer.name)
    return unit_at(f"{layer.name}.weight", number, units, layer.weight, layer.bias)


def _checked_number(unit: object, units: int, name: str) -> int:
    try:
        number = operator.index(unit)  # type: ignore[arg-type]  # whatever was given
    except TypeError:
        number = -1
    if 0 <= number < units:
        return number
    raise InvalidSetting(
        f"unit {unit!r:.60} is not one of the {units} of layer {name!r}, which count from 0."
    )
