"""The inner loops of a walk's line under squared error, compiled by numba where it is installed (`nogd[fast]`).

Each function is plain Python over numpy arrays. A sum over examples may be reordered, but in the same way for every
value: values that change no example's residual give the same loss, bit for bit. NaN passes through every function.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def product(inputs: Array, weights: Array, without: int, bias: float, z: Array) -> None:
    """A unit's pre-activation z `[N]`, without one of its inputs `[features, N]` (a number beyond them: none)."""
    z[:] = bias
    for k in range(len(weights)):
        if k != without:
            weight = weights[k]
            for n in range(len(z)):
                z[n] += weight * inputs[k, n]


def bend(
    z: Array, a: Array, values: Array, offset: Array, gain: float, scale: float, floor: float, losses: Array
) -> None:
    """`scale * sum((offset + gain * relu(z + value * a)) ** 2) + floor` of each value."""
    zero = z.dtype.type(0)
    for g in range(len(values)):
        value, total = values[g], zero
        for n in range(len(z)):
            t = z[n] + value * a[n]
            t = zero if t < 0 else t
            residual = offset[n] + gain * t
            total += residual * residual
        losses[g] = total * scale + floor


def parabola(
    z: Array, a: Array, values: Array, offset: Array, gain: float, scale: float, floor: float, losses: Array
) -> None:
    """`scale * sum((offset + gain * (z + value * a)) ** 2) + floor` of each value, in float64.

    Around the lowest point of the line, where no two large terms cancel: near-zero losses keep their digits.
    """
    square = cross = middle = total = 0.0
    for n in range(len(z)):
        residual, slope = offset[n] + gain * z[n], np.float64(gain * a[n])
        square += slope * slope
        cross += slope * residual
    lowest = -cross / square if square > 0 else 0.0
    lowest = min(max(lowest, np.float64(values.min())), np.float64(values.max()))
    for n in range(len(z)):
        slope = np.float64(gain * a[n])
        residual = offset[n] + gain * z[n] + lowest * slope
        middle += slope * residual
        total += residual * residual
    for g in range(len(values)):
        away = values[g] - lowest
        losses[g] = ((2.0 * middle + square * away) * away + total) * scale + floor


def ends(
    z: Array,
    a: Array,
    low: float,
    high: float,
    relu: bool,
    without: Array,
    weights: Array,
    last: Array,
    start: Array,
    stop: Array,
    switches: Array,
) -> None:
    """Add to start and stop `[outputs, N]` what the network gives at the lowest and the highest value.

    switches `[N]`: set where a unit is not surely on or off all the way. Rounding keeps order, so none between two
    ends on one side of its kink ever leaves that side, not even by rounding.
    """
    zero = z.dtype.type(0)
    first, final = np.empty_like(z), np.empty_like(z)
    for n in range(len(z)):
        s, t = z[n] + low * a[n], z[n] + high * a[n]
        switches[n] = relu and not ((s <= 0 and t <= 0) or (s >= 0 and t >= 0))
        first[n] = zero if relu and s < 0 else s
        final[n] = zero if relu and t < 0 else t
    for u in range(len(weights)):
        weight = weights[u]
        for n in range(len(z)):
            s, t = without[u, n] + weight * first[n], without[u, n] + weight * final[n]
            switches[n] |= not ((s <= 0 and t <= 0) or (s >= 0 and t >= 0))
            s, t = zero if s < 0 else s, zero if t < 0 else t
            for o in range(len(last)):
                start[o, n] += last[o, u] * s
                stop[o, n] += last[o, u] * t


def straight(
    start: Array, stop: Array, switches: Array, values: Array, low: float, high: float, losses: Array
) -> None:
    """Set losses to the squares of all examples that do not switch: together a parabola in the value.

    Around its lowest point between low and high, where no two large terms cancel.
    """
    square = cross = middle = floor = 0.0
    for o in range(len(start)):
        for n in range(len(switches)):
            if not switches[n]:
                change = np.float64(stop[o, n] - start[o, n])
                square += change * change
                cross += change * start[o, n]
    lowest = min(max(-cross / square, 0.0), 1.0) if square > 0 else 0.0
    for o in range(len(start)):
        for n in range(len(switches)):
            if not switches[n]:
                change = np.float64(stop[o, n] - start[o, n])
                residual = start[o, n] + lowest * change
                middle += change * residual
                floor += residual * residual
    width = high - low if high > low else 1.0
    for g in range(len(values)):
        away = (values[g] - low) / width - lowest
        losses[g] = (2.0 * middle + square * away) * away + floor


def bent(
    z: Array,
    a: Array,
    relu: bool,
    without: Array,
    weights: Array,
    last: Array,
    residuals: Array,
    switches: Array,
    values: Array,
    losses: Array,
) -> None:
    """Add to losses the squares of the examples that switch, value by value, and make the sum a mean."""
    zero, count = z.dtype.type(0), residuals.size
    some = np.nonzero(switches)[0]
    z, a, without, residuals = z[some], a[some], without[:, some], residuals[:, some]
    h, hidden, r = np.empty_like(z), np.empty_like(without), np.empty_like(z)
    for g in range(len(values)):
        total = zero
        for n in range(len(z)):
            t = z[n] + values[g] * a[n]
            h[n] = zero if relu and t < 0 else t
        for u in range(len(weights)):
            for n in range(len(z)):
                t = without[u, n] + weights[u] * h[n]
                hidden[u, n] = zero if t < 0 else t
        for o in range(len(last)):
            r[:] = residuals[o]
            for u in range(len(weights)):
                for n in range(len(z)):
                    r[n] += last[o, u] * hidden[u, n]
            for n in range(len(z)):
                total += r[n] * r[n]
        losses[g] = (losses[g] + total) / count


@dataclass(frozen=True, slots=True)
class Kernels:
    """The functions of this module, compiled."""

    product: Callable[..., None]
    bend: Callable[..., None]
    parabola: Callable[..., None]
    ends: Callable[..., None]
    straight: Callable[..., None]
    bent: Callable[..., None]

    def through(
        self,
        z: Array,
        a: Array,
        values: Array,
        relu: bool,
        without: Array,
        weights: Array,
        last: Array,
        residuals: Array,
        losses: Array,
    ) -> None:
        """Mean square of `residuals + last @ relu(without + weights * h)` of each value, h the unit's activation.

        relu: whether the unit has one itself. without `[units, N]`, last `[outputs, units]`, residuals `[outputs, N]`.
        Only examples with a unit that switches between the lowest and the highest value are gone through by value.
        """
        low, high = values.min(), values.max()
        start, stop, switches = residuals.copy(), residuals.copy(), np.empty(len(z), np.bool_)
        self.ends(z, a, low, high, relu, without, weights, last, start, stop, switches)
        self.straight(start, stop, switches, values, low, high, losses)
        self.bent(z, a, relu, without, weights, last, residuals, switches, values, losses)


@functools.cache
def kernels() -> Kernels | None:
    """The compiled functions, or None where numba is not installed. Compiling takes seconds, once on a machine."""
    if find_spec("numba") is None:
        return None
    import numba

    # Sums over examples may be reordered, or nothing would run eight abreast; NaN and infinity keep their meaning.
    compiled = numba.njit(fastmath={"reassoc", "contract", "nsz"}, error_model="numpy", cache=True)
    return Kernels(*(compiled(function) for function in (product, bend, parabola, ends, straight, bent)))
