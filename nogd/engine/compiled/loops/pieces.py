"""A loss that is piecewise a parabola in the coordinate.

Where all activations ahead are linear between kinks, an example none of whose units passes a kink between the lowest
and the highest value has residuals that are linear in the coordinate: two of them tell its squares at all values.
"""

from __future__ import annotations

import numpy as np

from nogd.engine.compiled.layout import MSE
from nogd.engine.compiled.loops.cache import buffers_of, second_stage
from nogd.engine.compiled.loops.code import (
    ACTIVATION,
    BLOCKS,
    BUFFERS,
    CLAMP,
    GRAIN,
    NOTHING,
    OUTPUTS,
    SPARE,
    STAGE,
    TARGETS,
    U,
    _0,
    _1,
    _2,
    _3,
    inner,
)
from nogd.engine.compiled.loops.elementwise import activate, is_double
from nogd.engine.compiled.loops.examples import add_examples
from nogd.engine.compiled.loops.layers import affine
from nogd.engine.compiled.loops.losses import clear, summed
from nogd.engine.compiled.loops.stage import is_kinked, score_stage, spread, staged, vary


@inner
def is_piecewise(layers, loss, place):
    """Whether the loss is the mean of squares of residuals that are linear between kinks."""
    straight = loss == MSE
    for k in range(place, U(len(layers))):
        straight = straight and layers[k, ACTIVATION] <= CLAMP
    return straight


@inner
def _mark_kinked(n, kind, slope, kept, low, high, units, kinked):
    """Set `kinked` where a unit's pre-activations lie on two sides of a kink."""
    t = kept.dtype.type
    if kind == NOTHING:
        return
    first, last = (t(slope[0]), t(slope[1])) if kind == CLAMP else (t(0), t(0))
    for j in range(units):
        p, q = low + j * n, high + j * n
        for r in range(n):
            v, w = kept[p + r], kept[q + r]
            crosses = (v < first) != (w < first) or (v < last) != (w < last)
            kept[kinked + r] = t(1) if crosses else kept[kinked + r]


@inner
def _ends(n, theta, layers, slopes, sizes, kept, place, unit, values, stage, ends, kinked):
    """Where the staged block's outputs at both values are, of `ends`; marks the examples that bend in between."""
    last, room = U(len(layers)) - _1, sizes[SPARE]
    others = stage + _3 * n + sizes[TARGETS] * n
    low, high, low_next, high_next = ends[0], ends[1], ends[2], ends[3]
    clear(kept, kinked, n)
    vary(n, kept, stage, values[0], low)
    vary(n, kept, stage, values[1], high)
    kind, slope = layers[place, ACTIVATION], slopes[place]
    _mark_kinked(n, kind, slope, kept, low, high, _1, kinked)
    activate(n, kind, slope, kept, low, _1, room)
    activate(n, kind, slope, kept, high, _1, room)
    for k in range(place + _1, last + _1):
        if k == place + _1:
            spread(n, theta, layers, kept, place, unit, low, others, low_next)
            spread(n, theta, layers, kept, place, unit, high, others, high_next)
        else:
            affine(n, theta, layers[k], kept, low, kept, low_next)
            affine(n, theta, layers[k], kept, high, kept, high_next)
        low, low_next, high, high_next = low_next, low, high_next, high
        kind, slope, units = layers[k, ACTIVATION], slopes[k], layers[k, OUTPUTS]
        _mark_kinked(n, kind, slope, kept, low, high, units, kinked)
        activate(n, kind, slope, kept, low, units, room)
        activate(n, kind, slope, kept, high, units, room)
    return low, high


@inner
def _add_parabola(n, kept, low, high, y, mask, kinked, parabola):
    """Add the squares at the low end, the products with the change from there to the high end, and its squares."""
    t = kept.dtype.type
    for r in range(n):
        share = kept[mask + r] * (t(1) - kept[kinked + r])
        start = share * (kept[low + r] - kept[y + r])
        change = share * (kept[high + r] - kept[low + r])
        kept[parabola + r] += start * start
        kept[parabola + n + r] += start * change
        kept[parabola + _2 * n + r] += change * change


@inner
def _count_kinked(n, kept, stage, kinked):
    count = _0
    for r in range(n):
        count += _1 if is_kinked(n, kept, stage, kinked, r) else _0
    return count


@inner
def _gather(n, m, kept, stage, kinked, rows, gathered):
    """Gather the staged block's examples that bend as one of m, of which its mask leaves out the last ones."""
    filled = _0
    for r in range(n):
        if is_kinked(n, kept, stage, kinked, r):
            for k in range(rows):
                kept[gathered + k * m + filled] = kept[stage + k * n + r]
            filled += _1
    for k in range(rows):
        row = gathered + k * m
        for r in range(filled, m):
            kept[row + r] = kept.dtype.type(0) if k == _2 else kept[row + filled - _1]


@inner
def by_pieces(
    n, theta, layers, slopes, loss, data, sizes, kept, place, unit, source, near, values, work, totals
):
    """Totals of a piecewise parabola; False where rounding would leave too few digits of them, or they overflow."""
    last, stage, kinked, parabola = U(len(layers)) - _1, sizes[STAGE], sizes[BUFFERS], sizes[BUFFERS] + n
    gathered, others = second_stage(sizes), stage + _3 * n + sizes[TARGETS] * n
    ends, buffers = (values.min(), values.max()), buffers_of(n, sizes)
    clear(kept, parabola, _3 * n)
    for b in range(sizes[BLOCKS]):
        rows = staged(n, theta, layers, data, sizes, kept, place, unit, source, b)
        low, high = _ends(n, theta, layers, slopes, sizes, kept, place, unit, ends, stage, buffers, kinked)
        for k in range(layers[last, OUTPUTS]):
            p, q = low + k * n, high + k * n
            if place == last:  # all outputs but one stay as they are
                p, q = (low, high) if k == unit else (others + k * n, others + k * n)
            _add_parabola(n, kept, p, q, stage + _3 * n + k * n, stage + _2 * n, kinked, parabola)
        if near:
            add_examples(n, theta, layers, kept, place, unit, values, stage, kinked, work, totals)
            continue
        count = _count_kinked(n, kept, stage, kinked)
        if count > _0:
            m = min(n, (count + GRAIN - _1) // GRAIN * GRAIN)
            _gather(n, m, kept, stage, kinked, rows, gathered)
            score_stage(
                m, theta, layers, slopes, loss, sizes, kept, place, unit, values, gathered, buffers, totals
            )
    return _add_up(n, kept, parabola, float(ends[0]), float(ends[1]), values, totals)


@inner
def _add_up(n, kept, parabola, low, high, values, totals):
    """Add the parabola to the totals of those that bend; False if the sums are not to be trusted."""
    start, product, change = (
        summed(n, kept, parabola),
        summed(n, kept, parabola + n),
        summed(n, kept, parabola + _2 * n),
    )
    trusted = (1e-5 if is_double(kept) else 0.25) * (start + change)
    if not np.isfinite(trusted + product):
        return False
    for g in range(U(len(values))):
        share = (float(values[g]) - low) / (high - low) if high > low else 0.0
        totals[g] += start + share * (2.0 * product + share * change)
        if totals[g] < trusted:
            return False
    return True
