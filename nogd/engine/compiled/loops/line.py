"""Losses of one network with one coordinate at each of several values."""

from __future__ import annotations

import numpy as np

from nogd.engine.compiled.loops.cache import buffers_of, moved, validate
from nogd.engine.compiled.loops.code import (
    BLOCK,
    BLOCKS,
    BUFFERS,
    EXAMPLES,
    FEW_VALUES,
    OUTPUTS,
    STAGE,
    U,
    _0,
    _1,
    entry,
    inner,
)
from nogd.engine.compiled.loops.examples import add_examples, is_near
from nogd.engine.compiled.loops.losses import divisor_of
from nogd.engine.compiled.loops.pieces import by_pieces, is_piecewise
from nogd.engine.compiled.loops.stage import score_stage, staged


@inner
def _by_values(
    n, theta, layers, slopes, loss, data, sizes, kept, place, unit, source, near, values, work, totals
):
    """Totals of all values, every example scored at each."""
    stage, kinked, buffers = sizes[STAGE], sizes[BUFFERS], buffers_of(n, sizes)
    for b in range(sizes[BLOCKS]):
        staged(n, theta, layers, data, sizes, kept, place, unit, source, b)
        if near:
            for r in range(n):
                kept[kinked + r] = kept.dtype.type(1)
            add_examples(n, theta, layers, kept, place, unit, values, stage, kinked, work, totals)
            continue
        score_stage(n, theta, layers, slopes, loss, sizes, kept, place, unit, values, stage, buffers, totals)


@entry
def line(
    theta, layers, slopes, loss, data, sizes, kept, state, where, pending, index, values, work, totals, losses
):
    """Losses with theta[index] at each of the values, infinite where not finite; the place of the lowest.

    values: may be more than losses are asked for. work: memory of its own, twice as long.
    pending: a coordinate that has been changed since, or less than zero.
    """
    n = sizes[BLOCK]
    if pending >= 0:
        moved(n, theta, layers, slopes, data, sizes, kept, state, where, U(pending))
    index = U(index)
    place, unit, source = where[index, 0], where[index, 1], where[index, 2]
    validate(n, theta, layers, slopes, data, sizes, kept, state, place, unit)
    count, done = U(len(values)), False
    pieces = count >= FEW_VALUES and is_piecewise(layers, loss, place)
    near = pieces and is_near(layers, place)
    totals[:] = 0.0
    if pieces:
        done = by_pieces(
            n, theta, layers, slopes, loss, data, sizes, kept, place, unit, source, near, values, work, totals
        )
        if not done:
            totals[:] = 0.0
    if not done:
        _by_values(
            n, theta, layers, slopes, loss, data, sizes, kept, place, unit, source, near, values, work, totals
        )
    divisor = divisor_of(loss, sizes[EXAMPLES], layers[U(len(layers)) - _1, OUTPUTS])
    lowest = _0
    for g in range(min(count, U(len(losses)))):
        value = totals[g] / divisor
        losses[g] = value if np.isfinite(value) else np.inf
        lowest = g if losses[g] < losses[lowest] else lowest
    return lowest
