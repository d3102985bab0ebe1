"""One unit of a layer takes several sets of incoming weights, all else stays as it is."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from nogd.engine.candidates.sets import as_tensor
from nogd.engine.layers.listing import NamedLayer
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting

_KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_MATRIX = 2


@dataclass(frozen=True, eq=False)
class Unit:
    """One unit takes M sets of incoming weights; what comes before it, and beside it, is computed once for all.

    :param theta: `[D]`; only read.
    :param layer: a linear layer or a convolution of `objective.layers`, whose weights are searched.
    :param unit: number of its output, or of its output channel.
    :param weights: `[M, fan_in + 1]`, of which the last is the bias, or `[M, fan_in]` where none is searched. Those of
        a convolution's channel are its weights in `[inputs, height, width]`, row by row.
    """

    theta: Tensor
    layer: NamedLayer
    unit: int
    weights: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "theta", as_tensor(self.theta))
        object.__setattr__(self, "weights", as_tensor(self.weights, self.theta.dtype).to(self.theta.device))
        if self.theta.ndim != 1:
            raise InvalidSetting(f"a Unit takes theta [D], but this one has shape {list(self.theta.shape)}.")
        units = _units(self.layer)
        object.__setattr__(self, "unit", _checked_number(self.unit, units, self.layer.name))
        size = self.fan_in + (self.layer.bias is not None)
        if self.weights.ndim != _MATRIX or self.weights.shape[1] != size:
            raise InvalidSetting(
                f"layer {self.layer.name!r} takes weights [M, {size}] for a unit"
                f"{', with the bias behind them' if self.layer.bias is not None else ''}, not"
                f" {list(self.weights.shape)}."
            )

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def dimension(self) -> int:
        """D."""
        return len(self.theta)

    @property
    def fan_in(self) -> int:
        """Incoming weights of the unit, without the bias."""
        weight = self.layer.weight
        assert weight is not None
        return int(weight.stop - weight.start) // _units(self.layer)

    @property
    def biases(self) -> Tensor | None:
        """The biases that it takes, `[M]`, where they are searched."""
        return None if self.layer.bias is None else self.weights[:, -1]

    def fits(self, space: ParameterSpace) -> bool:
        """Whether the layer is one of the network with these parameters."""
        own = {(t.start, t.stop) for t in space}
        places = [place for place in (self.layer.weight, self.layer.bias) if place is not None]
        return all((place.start, place.stop) in own for place in places)

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
        weights, weight, bias = self.weights[numbers], self.layer.weight, self.layer.bias
        assert weight is not None
        thetas = self.theta.repeat(len(weights), 1)
        start = weight.start + self.unit * self.fan_in
        thetas[:, start : start + self.fan_in] = weights[:, : self.fan_in]
        if bias is not None:
            thetas[:, bias.start + self.unit] = weights[:, -1]
        return thetas


def _units(layer: object) -> int:
    """How many units the layer has. Raises InvalidSetting for what is no such layer."""
    if not isinstance(layer, NamedLayer) or not isinstance(layer.module, _KINDS) or layer.weight is None:
        what = f"layer {layer.name!r}" if isinstance(layer, NamedLayer) else f"{layer!r:.60}"
        raise InvalidSetting(
            f"a Unit belongs to a linear layer or a convolution of `objective.layers` whose weights are searched,"
            f" which {what} is not."
        )
    return len(layer.module.weight)


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
