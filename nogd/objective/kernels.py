"""Compiled loops over small stacks of layers, by numba: a population, and one coordinate of one network.

Values lie examples last, in blocks of ROWS examples, whose loops the compiler turns into vector instructions. plan.py
says how network and data are described; `mask` leaves the copies that pad the last block out of every loss. Of LLVM's
fast-math flags only "contract" is set (fused multiply-adds): no sum is reordered, NaN and infinity mean what they mean
in torch, and equal values give equal bits wherever they stand. Places and sizes are unsigned throughout, as a signed
one may count from the end, of which no vector instruction comes.

All in one file, as numba's cache of compiled code looks only at the file of the function that is called from outside.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from nogd.objective import plan

_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
_inner = njit(**_OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def _entry(function):
    """Called from outside: its code is kept on disk, beside this file or in the user's cache, if there is a place."""
    try:
        return njit(**_OPTIONS, cache=True)(function)
    except RuntimeError:
        return njit(**_OPTIONS)(function)


U = np.uintp
_0, _1, _2, _3, _4, _8 = U(0), U(1), U(2), U(3), U(4), U(8)
ROWS, ROWS2, ROWS3 = U(plan.ROWS), U(2 * plan.ROWS), U(3 * plan.ROWS)
NONE = U(plan.NONE)
INPUTS, OUTPUTS, WEIGHT, BIAS, ACTIVATION, BEHIND = map(U, range(plan.COLUMNS))
NOTHING, RELU, LEAKY, CLAMP, TANH, SIGMOID = map(U, range(plan.ACTIVATIONS))
MSE, MAE, HUBER, BINARY_CROSS_ENTROPY, CROSS_ENTROPY = (
    plan.MSE,
    plan.MAE,
    plan.HUBER,
    plan.BCE,
    plan.CROSS_ENTROPY,
)
BLOCKS, EXAMPLES, FEATURES, TARGETS, Y, MASK, OTHERS, STAGE, SPARE, BUFFERS, SUMS = map(U, range(plan.SIZES))
ROOM = U(plan.ROOM)
FEW_VALUES = U(6)


# -- layers


@_inner
def _four_units(theta, weight, bias, inputs, source, a, work, z):
    """Pre-activations of four units, four inputs at a time: as many products a load as registers allow."""
    b0 = b1 = b2 = b3 = work.dtype.type(0)
    if bias != NONE:
        b0, b1, b2, b3 = theta[bias], theta[bias + _1], theta[bias + _2], theta[bias + _3]
    z1, z2, z3 = z + ROWS, z + ROWS2, z + ROWS3
    for r in range(ROWS):
        work[z + r], work[z1 + r], work[z2 + r], work[z3 + r] = b0, b1, b2, b3
    w0, w1, w2, w3 = weight, weight + inputs, weight + _2 * inputs, weight + _3 * inputs
    i = _0
    while i + _4 <= inputs:
        p = a + i * ROWS
        w00, w01, w02, w03 = theta[w0 + i], theta[w0 + i + _1], theta[w0 + i + _2], theta[w0 + i + _3]
        w10, w11, w12, w13 = theta[w1 + i], theta[w1 + i + _1], theta[w1 + i + _2], theta[w1 + i + _3]
        w20, w21, w22, w23 = theta[w2 + i], theta[w2 + i + _1], theta[w2 + i + _2], theta[w2 + i + _3]
        w30, w31, w32, w33 = theta[w3 + i], theta[w3 + i + _1], theta[w3 + i + _2], theta[w3 + i + _3]
        for r in range(ROWS):
            x0, x1 = source[p + r], source[p + ROWS + r]
            x2, x3 = source[p + ROWS2 + r], source[p + ROWS3 + r]
            work[z + r] = work[z + r] + w00 * x0 + w01 * x1 + w02 * x2 + w03 * x3
            work[z1 + r] = work[z1 + r] + w10 * x0 + w11 * x1 + w12 * x2 + w13 * x3
            work[z2 + r] = work[z2 + r] + w20 * x0 + w21 * x1 + w22 * x2 + w23 * x3
            work[z3 + r] = work[z3 + r] + w30 * x0 + w31 * x1 + w32 * x2 + w33 * x3
        i += _4
    while i < inputs:
        p = a + i * ROWS
        v0, v1, v2, v3 = theta[w0 + i], theta[w1 + i], theta[w2 + i], theta[w3 + i]
        for r in range(ROWS):
            x = source[p + r]
            work[z + r] += v0 * x
            work[z1 + r] += v1 * x
            work[z2 + r] += v2 * x
            work[z3 + r] += v3 * x
        i += _1


@_inner
def _add_inputs(theta, weight, count, source, a, work, z):
    """Add `count` inputs' share to one unit's pre-activations, one after the other in their order."""
    i = _0
    while i + _4 <= count:
        p, w = a + i * ROWS, weight + i
        w0, w1, w2, w3 = theta[w], theta[w + _1], theta[w + _2], theta[w + _3]
        for r in range(ROWS):
            x0, x1 = source[p + r], source[p + ROWS + r]
            x2, x3 = source[p + ROWS2 + r], source[p + ROWS3 + r]
            work[z + r] = work[z + r] + w0 * x0 + w1 * x1 + w2 * x2 + w3 * x3
        i += _4
    while i < count:
        p, v = a + i * ROWS, theta[weight + i]
        for r in range(ROWS):
            work[z + r] += v * source[p + r]
        i += _1


@_inner
def _begin(theta, bias, work, z):
    b = theta[bias] if bias != NONE else work.dtype.type(0)
    for r in range(ROWS):
        work[z + r] = b


@_inner
def _after(place, by):
    """`by` behind a place in theta, if there is one."""
    return place + by if place != NONE else NONE


@_inner
def _affine(theta, layer, source, a, work, z):
    """A layer's pre-activations of one block."""
    inputs, outputs, weight, bias = layer[INPUTS], layer[OUTPUTS], layer[WEIGHT], layer[BIAS]
    j = _0
    while j + _4 <= outputs:
        _four_units(theta, weight + j * inputs, _after(bias, j), inputs, source, a, work, z + j * ROWS)
        j += _4
    while j < outputs:
        _begin(theta, _after(bias, j), work, z + j * ROWS)
        _add_inputs(theta, weight + j * inputs, inputs, source, a, work, z + j * ROWS)
        j += _1


# -- elementwise


@_inner
def _activate(kind, slope, work, z, units, room):
    """Activations in place; comparisons are such that NaN stays NaN."""
    none = work.dtype.type(0)
    size = units * ROWS
    if kind == RELU:
        for r in range(size):
            v = work[z + r]
            work[z + r] = max(v, none)
    elif kind == LEAKY:
        by = work.dtype.type(slope[0])
        for r in range(size):
            v = work[z + r]
            work[z + r] = v * by if v < none else v
    elif kind == CLAMP:
        low, high = work.dtype.type(slope[0]), work.dtype.type(slope[1])
        for r in range(size):
            v = work[z + r]
            v = max(v, low)
            work[z + r] = min(v, high)
    elif kind != NOTHING:
        for unit in range(units):
            _bounded(kind, work, z + unit * ROWS, room)


@_inner
def _bounded(kind, work, z, room):
    """tanh or sigmoid of ROWS numbers, by an exponential of what is below zero, which cannot overflow."""
    t = work.dtype.type
    none, one, e = t(0), t(1), room
    by = t(2) if kind == TANH else one
    for r in range(ROWS):
        v = work[z + r]
        work[e + r] = by * v if v < none else -by * v
    _exp(work, e, room + ROWS)
    for r in range(ROWS):
        v, power = work[z + r], work[e + r]
        if kind == SIGMOID:
            work[z + r] = (power if v < none else one) / (one + power)
        else:
            far = (one - power) / (one + power)
            far = -far if v < none else far
            work[z + r] = far if v > t(0.55) or v < t(-0.55) else v * _tanh_share(work, v * v)


@_inner
def _tanh_share(work, s):
    """tanh(v) / v of s = v^2 up to 0.3, where the exponential would lose digits: a convergent of its fraction."""
    t = work.dtype.type
    above = ((s + t(378)) * s + t(17325)) * s + t(135135)
    return above / (((t(28) * s + t(3150)) * s + t(62370)) * s + t(135135))


@_inner
def _is_double(work):
    """Whether the numbers are float64, in a form that the compiler knows beforehand."""
    t = work.dtype.type
    return t(1) + t(1e-10) != t(1)


@_inner
def _exp(work, x, room):
    """Exponentials of ROWS numbers, none above zero, in place; zero where they are below the least normal number."""
    t = work.dtype.type
    double = _is_double(work)
    lowest, least = (t(-708), t(-1022)) if double else (t(-87), t(-126))
    high = t(6.93147180369123816490e-01) if double else t(0.693359375)
    low = t(1.90821492927058770002e-10) if double else t(-2.12194440e-4)
    narrow, wide = work.view(np.int32), work.view(np.int64)
    for r in range(ROWS):
        v = work[x + r]
        v = max(v, lowest)
        n = np.floor(v * t(1.4426950408889634) + t(0.5))
        f = v - n * high - n * low
        p = t(1)
        if double:
            p = _more_of_exp(work, f)
        p = p * f * t(1 / 7) + t(1) if double else f * t(1 / 7) + t(1)
        p = p * f * t(1 / 6) + t(1)
        p = p * f * t(1 / 5) + t(1)
        p = p * f * t(1 / 4) + t(1)
        p = p * f * t(1 / 3) + t(1)
        p = p * f * t(1 / 2) + t(1)
        p = p * f + t(1)
        work[x + r] = t(0) if work[x + r] < lowest else p
        n = max(least, n)
        # The power of two by its bits, which are whole numbers that both types hold exactly.
        if double:
            wide[room + r] = np.int64((n + t(1023)) * t(2**52))
        else:
            narrow[room + r] = np.int32((n + t(127)) * t(2**23))
    for r in range(ROWS):
        work[x + r] *= work[room + r]


@_inner
def _more_of_exp(work, f):
    """The terms of the exponential's series that only float64 needs."""
    t = work.dtype.type
    p = f * t(1 / 13) + t(1)
    p = p * f * t(1 / 12) + t(1)
    p = p * f * t(1 / 11) + t(1)
    p = p * f * t(1 / 10) + t(1)
    p = p * f * t(1 / 9) + t(1)
    return p * f * t(1 / 8) + t(1)


@_inner
def _log(work, x, room):
    """Logarithms of ROWS numbers of at least 1, in place; NaN where they are not finite."""
    t = work.dtype.type
    narrow, wide = work.view(np.int32), work.view(np.int64)
    exponents, double = room + ROWS, _is_double(work)
    for r in range(ROWS):
        if double:
            e = (wide[x + r] - np.int64(0x3FE6A09E667F3BCD)) >> np.int64(52)
            wide[room + r] = wide[x + r] - (e << np.int64(52))
            work[exponents + r] = t(e)
        else:
            k = (narrow[x + r] - np.int32(0x3F3504F3)) >> np.int32(23)
            narrow[room + r] = narrow[x + r] - (k << np.int32(23))
            work[exponents + r] = t(k)
    for r in range(ROWS):
        m, v = work[room + r], work[x + r]
        s = (m - t(1)) / (m + t(1))
        q = s * s
        p = t(1 / 21) * q + t(1 / 19)
        p = p * q + t(1 / 17)
        p = p * q + t(1 / 15)
        p = p * q + t(1 / 13)
        p = p * q + t(1 / 11)
        p = p * q + t(1 / 9)
        p = p * q + t(1 / 7)
        p = p * q + t(1 / 5)
        p = p * q + t(1 / 3)
        s += s
        work[x + r] = work[exponents + r] * t(0.6931471805599453) + (s + s * q * p) + (v - v)


# -- losses: what each example adds, in ROWS sums side by side


@_inner
def _add_losses(kind, work, out, outputs, source, y, mask, sums, room):
    """source: where targets and masks are."""
    t = work.dtype.type
    if kind == CROSS_ENTROPY:
        _add_cross_entropy(work, out, outputs, source, y, mask, sums, room)
        return
    for c in range(outputs):
        p, q = out + c * ROWS, y + c * ROWS
        if kind == MSE:
            for r in range(ROWS):
                d = work[p + r] - source[q + r]
                work[sums + r] += source[mask + r] * (d * d)
        elif kind == BINARY_CROSS_ENTROPY:
            _add_binary_cross_entropy(work, p, source, q, mask, sums, room)
        else:
            for r in range(ROWS):
                d = abs(work[p + r] - source[q + r])
                if kind == HUBER:
                    d = t(0.5) * d * d if d < t(1) else d - t(0.5)
                work[sums + r] += source[mask + r] * d


@_inner
def _add_binary_cross_entropy(work, z, source, y, mask, sums, room):
    """max(z, 0) - z y + log(1 + exp(-|z|)), the last with what 1 + exp(-|z|) was rounded by."""
    none, one = work.dtype.type(0), work.dtype.type(1)
    e, u = room, room + ROWS
    for r in range(ROWS):
        v = work[z + r]
        work[e + r] = v if v < none else -v
    _exp(work, e, u)
    for r in range(ROWS):
        work[u + r] = one + work[e + r]
    _log(work, u, u + ROWS)
    for r in range(ROWS):
        v, power = work[z + r], work[e + r]
        whole = one + power
        rest = work[u + r] + (power - (whole - one)) / whole
        work[sums + r] += source[mask + r] * ((max(v, none)) - v * source[y + r] + rest)


@_inner
def _add_cross_entropy(work, out, classes, source, y, mask, sums, room):
    """The greatest logit is taken off before the exponentials."""
    t = work.dtype.type
    top, own, total, e = room, room + ROWS, room + ROWS2, room + ROWS3
    for r in range(ROWS):
        work[top + r], work[own + r], work[total + r] = work[out + r], work[out + r], t(0)
    for c in range(_1, classes):
        p, number = out + c * ROWS, t(c)
        for r in range(ROWS):
            v = work[p + r]
            work[top + r] = max(work[top + r], v)
            work[own + r] = v if source[y + r] == number else work[own + r]
    for c in range(classes):
        p = out + c * ROWS
        for r in range(ROWS):
            work[e + r] = work[p + r] - work[top + r]
        _exp(work, e, e + ROWS)
        for r in range(ROWS):
            work[total + r] += work[e + r]
    _log(work, total, e)
    for r in range(ROWS):
        work[sums + r] += source[mask + r] * (work[top + r] - work[own + r] + work[total + r])


@_inner
def _clear(work, at, size):
    for r in range(size):
        work[at + r] = work.dtype.type(0)


@_inner
def _sum(work, at):
    """The sum of ROWS numbers, which are halved until eight are left."""
    half = ROWS // _2
    while half >= _8:
        for r in range(half):
            work[at + r] += work[at + half + r]
        half //= _2
    total = 0.0
    for r in range(_8):
        total += work[at + r]
    return total


@_inner
def _divisor(loss, examples, outputs):
    return float(examples) if loss == CROSS_ENTROPY else float(examples * outputs)


# -- a population


@_entry
def population(thetas, layers, slopes, loss, data, sizes, work, losses):
    """Losses of thetas `[P, D]`; work: memory of its own, ROOM + 1 rows and twice the widest layer's."""
    last, features, targets = U(len(layers)) - _1, sizes[FEATURES], sizes[TARGETS]
    outputs = layers[last, OUTPUTS]
    sums, room, first = _0, ROWS, (ROOM + _1) * ROWS
    second = first + (U(len(work)) - first) // _2
    for p in range(len(thetas)):
        theta = thetas[p]
        _clear(work, sums, ROWS)
        for b in range(sizes[BLOCKS]):
            z, a = first, second
            _affine(theta, layers[0], data, b * features * ROWS, work, z)
            for k in range(last):
                _activate(layers[k, ACTIVATION], slopes[k], work, z, layers[k, OUTPUTS], room)
                z, a = a, z
                _affine(theta, layers[k + _1], work, a, work, z)
            _activate(layers[last, ACTIVATION], slopes[last], work, z, outputs, room)
            y, mask = sizes[Y] + b * targets * ROWS, sizes[MASK] + b * ROWS
            _add_losses(loss, work, z, outputs, data, y, mask, sums, room)
        losses[p] = _sum(work, sums) / _divisor(loss, sizes[EXAMPLES], outputs)


# -- one coordinate of one network
#
# `kept` holds what a walk keeps: each layer's activations, then what the next layer gets from all units but one, then
# memory to work in. A block to be scored is staged there as rows of ROWS numbers: the unit's pre-activations without
# what varies, what the coordinate is multiplied by, the mask, the targets, and either what the next layer gets from
# the other units or, in the last layer, all of its outputs.

STAGED_A, STAGED_MASK, STAGED_Y = ROWS, ROWS2, ROWS3


@_inner
def _source(layers, sizes, place, block):
    """Where a block of a layer's inputs begins, in the data for the first layer, in `kept` for the others."""
    if place == _0:
        return block * sizes[FEATURES] * ROWS
    return layers[place - _1, BEHIND] + block * layers[place, INPUTS] * ROWS


@_inner
def _row(theta, layers, slopes, data, sizes, kept, place, unit):
    """Make one unit's kept rows anew, always in the same way, so that they are a function of theta alone."""
    layer = layers[place]
    weight, bias = layer[WEIGHT] + unit * layer[INPUTS], _after(layer[BIAS], unit)
    for b in range(sizes[BLOCKS]):
        a = _source(layers, sizes, place, b)
        z = layer[BEHIND] + (b * layer[OUTPUTS] + unit) * ROWS
        _begin(theta, bias, kept, z)
        if place == _0:
            _add_inputs(theta, weight, layer[INPUTS], data, a, kept, z)
        else:
            _add_inputs(theta, weight, layer[INPUTS], kept, a, kept, z)
        _activate(layer[ACTIVATION], slopes[place], kept, z, _1, sizes[SPARE])


@_inner
def _copy(source, a, work, z):
    for r in range(ROWS):
        work[z + r] = source[a + r]


@_inner
def _moved(theta, layers, slopes, data, sizes, kept, state, where, index):
    """Take notice that theta[index] has changed. state: layers whose rows are theta's, and whose others are kept."""
    place, unit = where[index, 0], where[index, 1]
    if state[1] != place + _1 or state[2] != unit:
        state[1] = _0
    if place < state[0]:
        _row(theta, layers, slopes, data, sizes, kept, place, unit)
        state[0] = place + _1


@_inner
def _validate(theta, layers, slopes, data, sizes, kept, state, place, unit):
    """Make the rows up to this layer those of theta, and what the next layer gets without this unit."""
    while state[0] <= place:
        for each in range(layers[state[0], OUTPUTS]):
            _row(theta, layers, slopes, data, sizes, kept, state[0], each)
        state[0] += _1
    if place + _1 < U(len(layers)) and (state[1] != place + _1 or state[2] != unit):
        _without(theta, layers, sizes, kept, place, unit)
        state[1], state[2] = place + _1, unit


@_inner
def _without(theta, layers, sizes, kept, place, unit):
    after = layers[place + _1]
    inputs, outputs = after[INPUTS], after[OUTPUTS]
    for b in range(sizes[BLOCKS]):
        a = layers[place, BEHIND] + b * inputs * ROWS
        for j in range(outputs):
            z, weight = sizes[OTHERS] + (b * outputs + j) * ROWS, after[WEIGHT] + j * inputs
            _begin(theta, _after(after[BIAS], j), kept, z)
            _add_other_inputs(theta, weight, inputs, unit, kept, a, kept, z)


@_inner
def _add_other_inputs(theta, weight, count, one, source, a, work, z):
    """The same without input number `one`."""
    before = min(count, one)
    _add_inputs(theta, weight, before, source, a, work, z)
    if one < count:
        rest = one + _1
        _add_inputs(theta, weight + rest, count - rest, source, a + rest * ROWS, work, z)


@_inner
def _stage(theta, layers, data, sizes, kept, place, unit, source, b):
    """Stage a block; the number of its rows.

    The unit without what varies does not depend on the coordinate's present value, so that a value's loss does not.
    """
    layer, stage, targets, one = layers[place], sizes[STAGE], sizes[TARGETS], kept.dtype.type(1)
    inputs, bias = layer[INPUTS], _after(layer[BIAS], unit)
    weight, a = layer[WEIGHT] + unit * inputs, _source(layers, sizes, place, b)
    _begin(theta, NONE if source == NONE else bias, kept, stage)
    for r in range(ROWS):
        kept[stage + STAGED_A + r] = one
    if place == _0:
        _add_other_inputs(theta, weight, inputs, source, data, a, kept, stage)
        if source != NONE:
            _copy(data, a + source * ROWS, kept, stage + STAGED_A)
    else:
        _add_other_inputs(theta, weight, inputs, source, kept, a, kept, stage)
        if source != NONE:
            _copy(kept, a + source * ROWS, kept, stage + STAGED_A)
    _copy(data, sizes[MASK] + b * ROWS, kept, stage + STAGED_MASK)
    for k in range(targets):
        _copy(data, sizes[Y] + (b * targets + k) * ROWS, kept, stage + STAGED_Y + k * ROWS)
    rest, is_last = stage + STAGED_Y + targets * ROWS, place + _1 == U(len(layers))
    rows = layer[OUTPUTS] if is_last else layers[place + _1, OUTPUTS]
    others = layer[BEHIND] if is_last else sizes[OTHERS]
    for k in range(rows):
        _copy(kept, others + (b * rows + k) * ROWS, kept, rest + k * ROWS)
    return U(3) + targets + rows


@_inner
def _vary(kept, stage, value, z):
    """The unit's pre-activations with its coordinate at a value."""
    for r in range(ROWS):
        kept[z + r] = kept[stage + r] + value * kept[stage + STAGED_A + r]


@_inner
def _spread(theta, layers, kept, place, unit, row, others, z):
    """The next layer's pre-activations. A dead unit or a zero weight changes nothing here, exactly: ties stay ties."""
    after = layers[place + _1]
    for j in range(after[OUTPUTS]):
        w, o, k = theta[after[WEIGHT] + j * after[INPUTS] + unit], others + j * ROWS, z + j * ROWS
        for r in range(ROWS):
            kept[k + r] = kept[o + r] + w * kept[row + r]


@_inner
def _score_stage(theta, layers, slopes, loss, sizes, kept, place, unit, values, stage):
    """Add each value's losses of the staged block to its ROWS sums."""
    last, targets, room = U(len(layers)) - _1, sizes[TARGETS], sizes[SPARE]
    others = stage + STAGED_Y + targets * ROWS
    row, first, second, _ = _buffers(sizes)
    for g in range(U(len(values))):
        z = others + unit * ROWS if place == last else row
        _vary(kept, stage, values[g], z)
        _activate(layers[place, ACTIVATION], slopes[place], kept, z, _1, room)
        out, a = others, second
        if place < last:
            out = first
            _spread(theta, layers, kept, place, unit, row, others, out)
            _activate(
                layers[place + _1, ACTIVATION],
                slopes[place + _1],
                kept,
                out,
                layers[place + _1, OUTPUTS],
                room,
            )
            for k in range(place + _2, last + _1):
                out, a = a, out
                _affine(theta, layers[k], kept, a, kept, out)
                _activate(layers[k, ACTIVATION], slopes[k], kept, out, layers[k, OUTPUTS], room)
        y, mask, sums = stage + STAGED_Y, stage + STAGED_MASK, sizes[SUMS] + g * ROWS
        _add_losses(loss, kept, out, layers[last, OUTPUTS], kept, y, mask, sums, room)


# Where all activations ahead are linear between kinks, an example none of whose units passes a kink between the lowest
# and the highest value has residuals that are linear in the coordinate: two of them tell its squares at all values.


@_inner
def _mark_bends(kind, slope, kept, low, high, units, bends):
    """Set `bends` where a unit's pre-activations lie on two sides of a kink."""
    t = kept.dtype.type
    if kind == NOTHING:
        return
    first, last = (t(slope[0]), t(slope[1])) if kind == CLAMP else (t(0), t(0))
    for j in range(units):
        p, q = low + j * ROWS, high + j * ROWS
        for r in range(ROWS):
            v, w = kept[p + r], kept[q + r]
            bent = (v < first) != (w < first) or (v < last) != (w < last)
            kept[bends + r] = t(1) if bent else kept[bends + r]


@_inner
def _ends(theta, layers, slopes, sizes, kept, place, unit, values, stage, ends, bends):
    """Where the staged block's outputs at both values are, of `ends`; marks the examples that bend in between."""
    last, room = U(len(layers)) - _1, sizes[SPARE]
    others = stage + STAGED_Y + sizes[TARGETS] * ROWS
    low, high, low_next, high_next = ends[0], ends[1], ends[2], ends[3]
    _clear(kept, bends, ROWS)
    _vary(kept, stage, values[0], low)
    _vary(kept, stage, values[1], high)
    kind, slope = layers[place, ACTIVATION], slopes[place]
    _mark_bends(kind, slope, kept, low, high, _1, bends)
    _activate(kind, slope, kept, low, _1, room)
    _activate(kind, slope, kept, high, _1, room)
    for k in range(place + _1, last + _1):
        if k == place + _1:
            _spread(theta, layers, kept, place, unit, low, others, low_next)
            _spread(theta, layers, kept, place, unit, high, others, high_next)
        else:
            _affine(theta, layers[k], kept, low, kept, low_next)
            _affine(theta, layers[k], kept, high, kept, high_next)
        low, low_next, high, high_next = low_next, low, high_next, high
        kind, slope, units = layers[k, ACTIVATION], slopes[k], layers[k, OUTPUTS]
        _mark_bends(kind, slope, kept, low, high, units, bends)
        _activate(kind, slope, kept, low, units, room)
        _activate(kind, slope, kept, high, units, room)
    return low, high


@_inner
def _add_parabola(kept, low, high, y, mask, bends, parabola):
    """Add the squares at the low end, the products with the change from there to the high end, and its squares."""
    t = kept.dtype.type
    for r in range(ROWS):
        share = kept[mask + r] * (t(1) - kept[bends + r])
        start = share * (kept[low + r] - kept[y + r])
        change = share * (kept[high + r] - kept[low + r])
        kept[parabola + r] += start * start
        kept[parabola + ROWS + r] += start * change
        kept[parabola + ROWS2 + r] += change * change


@_inner
def _is_piecewise(layers, loss, place):
    """Whether the loss is the mean of squares of residuals that are linear between kinks."""
    straight = loss == MSE
    for k in range(place, U(len(layers))):
        straight = straight and layers[k, ACTIVATION] <= CLAMP
    return straight


@_inner
def _pad(kept, rows, bent, filled):
    """Fill the rest of a gathered block with copies of its last example, which its mask leaves out."""
    for k in range(rows):
        row = bent + k * ROWS
        for r in range(filled, ROWS):
            kept[row + r] = kept.dtype.type(0) if row == bent + STAGED_MASK else kept[row + filled - _1]


@_inner
def _gather(theta, layers, slopes, loss, sizes, kept, place, unit, values, rows, filled):
    """Gather the staged block's examples that bend, and score them whenever a block of them is full; how many wait."""
    stage, bends, bent = sizes[STAGE], sizes[BUFFERS], _second_stage(sizes)
    for r in range(ROWS):
        if kept[bends + r] * kept[stage + STAGED_MASK + r] != kept.dtype.type(0):
            for k in range(rows):
                kept[bent + k * ROWS + filled] = kept[stage + k * ROWS + r]
            filled += _1
            if filled == ROWS:
                _score_stage(theta, layers, slopes, loss, sizes, kept, place, unit, values, bent)
                filled = _0
    return filled


@_inner
def _by_pieces(theta, layers, slopes, loss, data, sizes, kept, place, unit, source, values, totals):
    """Totals of a piecewise parabola; False where rounding would leave too few digits of them, or they overflow."""
    last, stage, bends, parabola = U(len(layers)) - _1, sizes[STAGE], sizes[BUFFERS], sizes[BUFFERS] + ROWS
    bent, others = _second_stage(sizes), stage + STAGED_Y + sizes[TARGETS] * ROWS
    ends, buffers = (values.min(), values.max()), _buffers(sizes)
    _clear(kept, parabola, ROWS3)
    filled, rows = _0, _0
    for b in range(sizes[BLOCKS]):
        rows = _stage(theta, layers, data, sizes, kept, place, unit, source, b)
        low, high = _ends(theta, layers, slopes, sizes, kept, place, unit, ends, stage, buffers, bends)
        for k in range(layers[last, OUTPUTS]):
            p, q = low + k * ROWS, high + k * ROWS
            if place == last:  # all outputs but one stay as they are
                p, q = (low, high) if k == unit else (others + k * ROWS, others + k * ROWS)
            _add_parabola(kept, p, q, stage + STAGED_Y + k * ROWS, stage + STAGED_MASK, bends, parabola)
        filled = _gather(theta, layers, slopes, loss, sizes, kept, place, unit, values, rows, filled)
    if filled > _0:
        _pad(kept, rows, bent, filled)
        _score_stage(theta, layers, slopes, loss, sizes, kept, place, unit, values, bent)
    return _add_up(sizes, kept, parabola, float(ends[0]), float(ends[1]), values, totals)


@_inner
def _add_up(sizes, kept, parabola, low, high, values, totals):
    start, product, change = _sum(kept, parabola), _sum(kept, parabola + ROWS), _sum(kept, parabola + ROWS2)
    trusted = (1e-5 if _is_double(kept) else 0.25) * (start + change)
    if not np.isfinite(trusted + product):
        return False
    for g in range(U(len(values))):
        share = (float(values[g]) - low) / (high - low) if high > low else 0.0
        totals[g] = _sum(kept, sizes[SUMS] + g * ROWS) + (start + share * (2.0 * product + share * change))
        if totals[g] < trusted:
            return False
    return True


@_inner
def _width(sizes):
    """Size of each of the four places for a layer's values."""
    return (sizes[SUMS] - sizes[BUFFERS] - _4 * ROWS) // _4


@_inner
def _buffers(sizes):
    first, width = sizes[BUFFERS] + _4 * ROWS, _width(sizes)
    return first, first + width, first + _2 * width, first + _3 * width


@_inner
def _second_stage(sizes):
    return sizes[STAGE] + (sizes[SPARE] - sizes[STAGE]) // _2


@_inner
def _by_values(theta, layers, slopes, loss, data, sizes, kept, place, unit, source, values, totals):
    """Totals of all values, every example scored at each."""
    for b in range(sizes[BLOCKS]):
        _stage(theta, layers, data, sizes, kept, place, unit, source, b)
        _score_stage(theta, layers, slopes, loss, sizes, kept, place, unit, values, sizes[STAGE])
    for g in range(U(len(values))):
        totals[g] = _sum(kept, sizes[SUMS] + g * ROWS)


@_entry
def line(
    theta, layers, slopes, loss, data, sizes, kept, state, where, pending, index, values, totals, losses
):
    """Losses with theta[index] at each of the values, infinite where not finite; the place of the lowest.

    pending: a coordinate that has been changed since, or less than zero.
    """
    if pending >= 0:
        _moved(theta, layers, slopes, data, sizes, kept, state, where, U(pending))
    index = U(index)
    place, unit, source = where[index, 0], where[index, 1], where[index, 2]
    _validate(theta, layers, slopes, data, sizes, kept, state, place, unit)
    count, done = U(len(values)), False
    _clear(kept, sizes[SUMS], count * ROWS)
    if count >= FEW_VALUES and _is_piecewise(layers, loss, place):
        done = _by_pieces(theta, layers, slopes, loss, data, sizes, kept, place, unit, source, values, totals)
        if not done:
            _clear(kept, sizes[SUMS], count * ROWS)
    if not done:
        _by_values(theta, layers, slopes, loss, data, sizes, kept, place, unit, source, values, totals)
    divisor = _divisor(loss, sizes[EXAMPLES], layers[U(len(layers)) - _1, OUTPUTS])
    lowest = _0
    for g in range(count):
        value = totals[g] / divisor
        losses[g] = value if np.isfinite(value) else np.inf
        lowest = g if losses[g] < losses[lowest] else lowest
    return lowest


def ready() -> None:
    """Compile all for both types of numbers, or load what was compiled before."""
    for real in (types.float32, types.float64):
        numbers, places, table = real[::1], types.uintp[::1], types.uintp[:, ::1]
        network = (table, types.float64[:, ::1], types.intp, numbers, places)
        population.compile((real[:, ::1], *network, numbers, numbers))
        line.compile(
            (
                numbers,
                *network,
                numbers,
                places,
                table,
                types.intp,
                types.intp,
                numbers,
                types.float64[::1],
                numbers,
            )
        )
