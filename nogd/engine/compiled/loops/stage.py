"""A staged block of examples, scored at each value of a coordinate."""

from __future__ import annotations

from nogd.engine.compiled.loops.cache import inputs_of
from nogd.engine.compiled.loops.code import (
    ACTIVATION,
    BEHIND,
    BIAS,
    INPUTS,
    MASK,
    NONE,
    OTHERS,
    OUTPUTS,
    SPARE,
    STAGE,
    SUMS,
    TARGETS,
    WEIGHT,
    U,
    Y,
    _0,
    _1,
    _2,
    _3,
    inner,
)
from nogd.engine.compiled.loops.elementwise import activate
from nogd.engine.compiled.loops.layers import add_other_inputs, affine, begin, shifted
from nogd.engine.compiled.loops.losses import add_losses, clear, summed


@inner
def _copy(n, source, a, work, z):
    for r in range(n):
        work[z + r] = source[a + r]


@inner
def staged(n, theta, layers, data, sizes, kept, place, unit, source, b):
    """Stage a block; the number of its rows.

    The unit without what varies does not depend on the coordinate's present value, so that a value's loss does not.
    """
    layer, stage, targets, one = layers[place], sizes[STAGE], sizes[TARGETS], kept.dtype.type(1)
    inputs, bias = layer[INPUTS], shifted(layer[BIAS], unit)
    weight, a = layer[WEIGHT] + unit * inputs, inputs_of(n, layers, sizes, place, b)
    begin(n, theta, NONE if source == NONE else bias, kept, stage)
    for r in range(n):
        kept[stage + n + r] = one
    if place == _0:
        add_other_inputs(n, theta, weight, inputs, source, data, a, kept, stage)
        if source != NONE:
            _copy(n, data, a + source * n, kept, stage + n)
    else:
        add_other_inputs(n, theta, weight, inputs, source, kept, a, kept, stage)
        if source != NONE:
            _copy(n, kept, a + source * n, kept, stage + n)
    _copy(n, data, sizes[MASK] + b * n, kept, stage + _2 * n)
    for k in range(targets):
        _copy(n, data, sizes[Y] + (b * targets + k) * n, kept, stage + _3 * n + k * n)
    rest, is_last = stage + _3 * n + targets * n, place + _1 == U(len(layers))
    rows = layer[OUTPUTS] if is_last else layers[place + _1, OUTPUTS]
    others = layer[BEHIND] if is_last else sizes[OTHERS]
    for k in range(rows):
        _copy(n, kept, others + (b * rows + k) * n, kept, rest + k * n)
    return U(3) + targets + rows


@inner
def is_kinked(n, kept, stage, kinked, r):
    """Whether staged example r is marked in `kinked`, and no copy that pads the block."""
    return kept[kinked + r] * kept[stage + _2 * n + r] != kept.dtype.type(0)


@inner
def vary(n, kept, stage, value, z):
    """The unit's pre-activations with its coordinate at a value."""
    for r in range(n):
        kept[z + r] = kept[stage + r] + value * kept[stage + n + r]


@inner
def spread(n, theta, layers, kept, place, unit, row, others, z):
    """The next layer's pre-activations. A dead unit or a zero weight changes nothing here, exactly: ties stay ties."""
    after = layers[place + _1]
    for j in range(after[OUTPUTS]):
        w, o, k = theta[after[WEIGHT] + j * after[INPUTS] + unit], others + j * n, z + j * n
        for r in range(n):
            kept[k + r] = kept[o + r] + w * kept[row + r]


@inner
def score_stage(n, theta, layers, slopes, loss, sizes, kept, place, unit, values, stage, buffers, totals):
    """Add each value's losses of n staged examples to its total."""
    last, targets, room, sums = U(len(layers)) - _1, sizes[TARGETS], sizes[SPARE], sizes[SUMS]
    others, y, mask = stage + _3 * n + targets * n, stage + _3 * n, stage + _2 * n
    row, first, second = buffers[0], buffers[1], buffers[2]
    for g in range(U(len(values))):
        z = others + unit * n if place == last else row
        vary(n, kept, stage, values[g], z)
        activate(n, layers[place, ACTIVATION], slopes[place], kept, z, _1, room)
        out, a = others, second
        if place < last:
            out = first
            spread(n, theta, layers, kept, place, unit, row, others, out)
            activate(
                n,
                layers[place + _1, ACTIVATION],
                slopes[place + _1],
                kept,
                out,
                layers[place + _1, OUTPUTS],
                room,
            )
            for k in range(place + _2, last + _1):
                out, a = a, out
                affine(n, theta, layers[k], kept, a, kept, out)
                activate(n, layers[k, ACTIVATION], slopes[k], kept, out, layers[k, OUTPUTS], room)
        clear(kept, sums, n)
        add_losses(n, loss, kept, out, layers[last, OUTPUTS], kept, y, mask, sums, room)
        totals[g] += summed(n, kept, sums)
