"""Compiled loops over small stacks of layers, by numba: a population, and one coordinate of one network.

Values lie examples last, in blocks of n examples, whose loops the compiler turns into vector instructions. plan.py
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
from nogd.objective.code_cache import kept

_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
_inner = njit(**_OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def _entry(function):
    """Called from outside: its code is kept on disk, beside this file or in the user's cache, if there is a place."""
    return kept(function, **_OPTIONS)


U = np.uintp
_0, _1, _2, _3, _4, _8, _16, _32, _64, _128 = map(U, (0, 1, 2, 3, 4, 8, 16, 32, 64, 128))
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
BLOCKS, EXAMPLES, FEATURES, TARGETS, Y, MASK, BLOCK, OTHERS, STAGE, SPARE, BUFFERS, SUMS = map(
    U, range(plan.SIZES)
)
ROOM = U(plan.ROOM)
FEW_VALUES, GRAIN = U(6), U(plan.GRAIN)


# -- layers


@_inner
def _four_units(n, theta, weight, bias, inputs, source, a, work, z):
    """Pre-activations of four units, four inputs at a time: as many products a load as registers allow."""
    b0 = b1 = b2 = b3 = work.dtype.type(0)
    if bias != NONE:
        b0, b1, b2, b3 = theta[bias], theta[bias + _1], theta[bias + _2], theta[bias + _3]
    z1, z2, z3 = z + n, z + _2 * n, z + _3 * n
    for r in range(n):
        work[z + r], work[z1 + r], work[z2 + r], work[z3 + r] = b0, b1, b2, b3
    w0, w1, w2, w3 = weight, weight + inputs, weight + _2 * inputs, weight + _3 * inputs
    i = _0
    while i + _4 <= inputs:
        p = a + i * n
        w00, w01, w02, w03 = theta[w0 + i], theta[w0 + i + _1], theta[w0 + i + _2], theta[w0 + i + _3]
        w10, w11, w12, w13 = theta[w1 + i], theta[w1 + i + _1], theta[w1 + i + _2], theta[w1 + i + _3]
        w20, w21, w22, w23 = theta[w2 + i], theta[w2 + i + _1], theta[w2 + i + _2], theta[w2 + i + _3]
        w30, w31, w32, w33 = theta[w3 + i], theta[w3 + i + _1], theta[w3 + i + _2], theta[w3 + i + _3]
        for r in range(n):
            x0, x1 = source[p + r], source[p + n + r]
            x2, x3 = source[p + _2 * n + r], source[p + _3 * n + r]
            work[z + r] = work[z + r] + w00 * x0 + w01 * x1 + w02 * x2 + w03 * x3
            work[z1 + r] = work[z1 + r] + w10 * x0 + w11 * x1 + w12 * x2 + w13 * x3
            work[z2 + r] = work[z2 + r] + w20 * x0 + w21 * x1 + w22 * x2 + w23 * x3
            work[z3 + r] = work[z3 + r] + w30 * x0 + w31 * x1 + w32 * x2 + w33 * x3
        i += _4
    while i < inputs:
        p = a + i * n
        v0, v1, v2, v3 = theta[w0 + i], theta[w1 + i], theta[w2 + i], theta[w3 + i]
        for r in range(n):
            x = source[p + r]
            work[z + r] += v0 * x
            work[z1 + r] += v1 * x
            work[z2 + r] += v2 * x
            work[z3 + r] += v3 * x
        i += _1


@_inner
def _add_inputs(n, theta, weight, count, source, a, work, z):
    """Add `count` inputs' share to one unit's pre-activations, one after the other in their order."""
    i = _0
    while i + _4 <= count:
        p, w = a + i * n, weight + i
        w0, w1, w2, w3 = theta[w], theta[w + _1], theta[w + _2], theta[w + _3]
        for r in range(n):
            x0, x1 = source[p + r], source[p + n + r]
            x2, x3 = source[p + _2 * n + r], source[p + _3 * n + r]
            work[z + r] = work[z + r] + w0 * x0 + w1 * x1 + w2 * x2 + w3 * x3
        i += _4
    while i < count:
        p, v = a + i * n, theta[weight + i]
        for r in range(n):
            work[z + r] += v * source[p + r]
        i += _1


@_inner
def _begin(n, theta, bias, work, z):
    b = theta[bias] if bias != NONE else work.dtype.type(0)
    for r in range(n):
        work[z + r] = b


@_inner
def _after(place, by):
    """`by` behind a place in theta, if there is one."""
    return place + by if place != NONE else NONE


@_inner
def _affine(n, theta, layer, source, a, work, z):
    """A layer's pre-activations of one block."""
    inputs, outputs, weight, bias = layer[INPUTS], layer[OUTPUTS], layer[WEIGHT], layer[BIAS]
    j = _0
    while j + _4 <= outputs:
        _four_units(n, theta, weight + j * inputs, _after(bias, j), inputs, source, a, work, z + j * n)
        j += _4
    while j < outputs:
        _begin(n, theta, _after(bias, j), work, z + j * n)
        _add_inputs(n, theta, weight + j * inputs, inputs, source, a, work, z + j * n)
        j += _1


# -- elementwise


@_inner
def _activate(n, kind, slope, work, z, units, room):
    """Activations in place; comparisons are such that NaN stays NaN."""
    none = work.dtype.type(0)
    size = units * n
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
            _bounded(n, kind, work, z + unit * n, room)


@_inner
def _bounded(n, kind, work, z, room):
    """tanh or sigmoid of n numbers, by an exponential of what is below zero, which cannot overflow."""
    t = work.dtype.type
    none, one, e = t(0), t(1), room
    by = t(2) if kind == TANH else one
    for r in range(n):
        v = work[z + r]
        work[e + r] = by * v if v < none else -by * v
    _exp(n, work, e, room + n)
    for r in range(n):
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
def _exp(n, work, x, room):
    """Exponentials of n numbers, none above zero, in place; zero where they are below the least normal number."""
    t = work.dtype.type
    double = _is_double(work)
    lowest, least = (t(-708), t(-1022)) if double else (t(-87), t(-126))
    high = t(6.93147180369123816490e-01) if double else t(0.693359375)
    low = t(1.90821492927058770002e-10) if double else t(-2.12194440e-4)
    narrow, wide = work.view(np.int32), work.view(np.int64)
    for r in range(n):
        v = work[x + r]
        v = max(v, lowest)
        k = np.floor(v * t(1.4426950408889634) + t(0.5))
        f = v - k * high - k * low
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
        k = max(least, k)
        # The power of two by its bits, which are whole numbers that both types hold exactly.
        if double:
            wide[room + r] = np.int64((k + t(1023)) * t(2**52))
        else:
            narrow[room + r] = np.int32((k + t(127)) * t(2**23))
    for r in range(n):
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
def _log(n, work, x, room):
    """Logarithms of n numbers of at least 1, in place; NaN where they are not finite."""
    t = work.dtype.type
    narrow, wide = work.view(np.int32), work.view(np.int64)
    exponents, double = room + n, _is_double(work)
    for r in range(n):
        if double:
            e = (wide[x + r] - np.int64(0x3FE6A09E667F3BCD)) >> np.int64(52)
            wide[room + r] = wide[x + r] - (e << np.int64(52))
            work[exponents + r] = t(e)
        else:
            k = (narrow[x + r] - np.int32(0x3F3504F3)) >> np.int32(23)
            narrow[room + r] = narrow[x + r] - (k << np.int32(23))
            work[exponents + r] = t(k)
    for r in range(n):
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


# -- losses: what each example adds, in n sums side by side


@_inner
def _add_losses(n, kind, work, out, outputs, source, y, mask, sums, room):
    """source: where targets and masks are."""
    t = work.dtype.type
    if kind == CROSS_ENTROPY:
        _add_cross_entropy(n, work, out, outputs, source, y, mask, sums, room)
        return
    for c in range(outputs):
        p, q = out + c * n, y + c * n
        if kind == MSE:
            for r in range(n):
                d = work[p + r] - source[q + r]
                work[sums + r] += source[mask + r] * (d * d)
        elif kind == BINARY_CROSS_ENTROPY:
            _add_binary_cross_entropy(n, work, p, source, q, mask, sums, room)
        else:
            for r in range(n):
                d = abs(work[p + r] - source[q + r])
                if kind == HUBER:
                    d = t(0.5) * d * d if d < t(1) else d - t(0.5)
                work[sums + r] += source[mask + r] * d


@_inner
def _add_binary_cross_entropy(n, work, z, source, y, mask, sums, room):
    """max(z, 0) - z y + log(1 + exp(-|z|)), the last with what 1 + exp(-|z|) was rounded by."""
    none, one = work.dtype.type(0), work.dtype.type(1)
    e, u = room, room + n
    for r in range(n):
        v = work[z + r]
        work[e + r] = v if v < none else -v
    _exp(n, work, e, u)
    for r in range(n):
        work[u + r] = one + work[e + r]
    _log(n, work, u, u + n)
    for r in range(n):
        v, power = work[z + r], work[e + r]
        whole = one + power
        rest = work[u + r] + (power - (whole - one)) / whole
        work[sums + r] += source[mask + r] * ((max(v, none)) - v * source[y + r] + rest)


@_inner
def _add_cross_entropy(n, work, out, classes, source, y, mask, sums, room):
    """The greatest logit is taken off before the exponentials."""
    t = work.dtype.type
    top, own, total, e = room, room + n, room + _2 * n, room + _3 * n
    for r in range(n):
        work[top + r], work[own + r], work[total + r] = work[out + r], work[out + r], t(0)
    for c in range(_1, classes):
        p, number = out + c * n, t(c)
        for r in range(n):
            v = work[p + r]
            work[top + r] = max(work[top + r], v)
            work[own + r] = v if source[y + r] == number else work[own + r]
    for c in range(classes):
        p = out + c * n
        for r in range(n):
            work[e + r] = work[p + r] - work[top + r]
        _exp(n, work, e, e + n)
        for r in range(n):
            work[total + r] += work[e + r]
    _log(n, work, total, e)
    for r in range(n):
        work[sums + r] += source[mask + r] * (work[top + r] - work[own + r] + work[total + r])


@_inner
def _clear(work, at, size):
    for r in range(size):
        work[at + r] = work.dtype.type(0)


@_inner
def _sum(n, work, at):
    """The sum of n numbers, a multiple of 64, which are halved until eight are left."""
    size = n
    while size > _64:
        half = size // _128 * _64
        size -= half
        for r in range(half):
            work[at + r] += work[at + size + r]
    for r in range(_32):
        work[at + r] += work[at + _32 + r]
    for r in range(_16):
        work[at + r] += work[at + _16 + r]
    for r in range(_8):
        work[at + r] += work[at + _8 + r]
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
    last, features, targets, n = U(len(layers)) - _1, sizes[FEATURES], sizes[TARGETS], sizes[BLOCK]
    outputs = layers[last, OUTPUTS]
    sums, room, first = _0, n, (ROOM + _1) * n
    second = first + (U(len(work)) - first) // _2
    for p in range(len(thetas)):
        theta = thetas[p]
        _clear(work, sums, n)
        for b in range(sizes[BLOCKS]):
            z, a = first, second
            _affine(n, theta, layers[0], data, b * features * n, work, z)
            for k in range(last):
                _activate(n, layers[k, ACTIVATION], slopes[k], work, z, layers[k, OUTPUTS], room)
                z, a = a, z
                _affine(n, theta, layers[k + _1], work, a, work, z)
            _activate(n, layers[last, ACTIVATION], slopes[last], work, z, outputs, room)
            y, mask = sizes[Y] + b * targets * n, sizes[MASK] + b * n
            _add_losses(n, loss, work, z, outputs, data, y, mask, sums, room)
        losses[p] = _sum(n, work, sums) / _divisor(loss, sizes[EXAMPLES], outputs)


# -- one coordinate of one network
#
# `kept` holds what a walk keeps: each layer's activations, then what the next layer gets from all units but one, then
# memory to work in. A block to be scored is staged there as rows of n numbers: the unit's pre-activations without
# what varies, what the coordinate is multiplied by, the mask, the targets, and either what the next layer gets from
# the other units or, in the last layer, all of its outputs.


@_inner
def _source(n, layers, sizes, place, block):
    """Where a block of a layer's inputs begins, in the data for the first layer, in `kept` for the others."""
    if place == _0:
        return block * sizes[FEATURES] * n
    return layers[place - _1, BEHIND] + block * layers[place, INPUTS] * n


@_inner
def _row(n, theta, layers, slopes, data, sizes, kept, place, unit):
    """Make one unit's kept rows anew, always in the same way, so that they are a function of theta alone."""
    layer = layers[place]
    weight, bias = layer[WEIGHT] + unit * layer[INPUTS], _after(layer[BIAS], unit)
    for b in range(sizes[BLOCKS]):
        a = _source(n, layers, sizes, place, b)
        z = layer[BEHIND] + (b * layer[OUTPUTS] + unit) * n
        _begin(n, theta, bias, kept, z)
        if place == _0:
            _add_inputs(n, theta, weight, layer[INPUTS], data, a, kept, z)
        else:
            _add_inputs(n, theta, weight, layer[INPUTS], kept, a, kept, z)
        _activate(n, layer[ACTIVATION], slopes[place], kept, z, _1, sizes[SPARE])


@_inner
def _copy(n, source, a, work, z):
    for r in range(n):
        work[z + r] = source[a + r]


@_inner
def _moved(n, theta, layers, slopes, data, sizes, kept, state, where, index):
    """Take notice that theta[index] has changed. state: layers whose rows are theta's, and whose others are kept."""
    place, unit = where[index, 0], where[index, 1]
    if state[1] != place + _1 or state[2] != unit:
        state[1] = _0
    if place < state[0]:
        _row(n, theta, layers, slopes, data, sizes, kept, place, unit)
        state[0] = place + _1


@_inner
def _validate(n, theta, layers, slopes, data, sizes, kept, state, place, unit):
    """Make the rows up to this layer those of theta, and what the next layer gets without this unit."""
    while state[0] <= place:
        for each in range(layers[state[0], OUTPUTS]):
            _row(n, theta, layers, slopes, data, sizes, kept, state[0], each)
        state[0] += _1
    if place + _1 < U(len(layers)) and (state[1] != place + _1 or state[2] != unit):
        _without(n, theta, layers, sizes, kept, place, unit)
        state[1], state[2] = place + _1, unit


@_inner
def _without(n, theta, layers, sizes, kept, place, unit):
    after = layers[place + _1]
    inputs, outputs = after[INPUTS], after[OUTPUTS]
    for b in range(sizes[BLOCKS]):
        a = layers[place, BEHIND] + b * inputs * n
        for j in range(outputs):
            z, weight = sizes[OTHERS] + (b * outputs + j) * n, after[WEIGHT] + j * inputs
            _begin(n, theta, _after(after[BIAS], j), kept, z)
            _add_other_inputs(n, theta, weight, inputs, unit, kept, a, kept, z)


@_inner
def _add_other_inputs(n, theta, weight, count, one, source, a, work, z):
    """The same without input number `one`."""
    before = min(count, one)
    _add_inputs(n, theta, weight, before, source, a, work, z)
    if one < count:
        rest = one + _1
        _add_inputs(n, theta, weight + rest, count - rest, source, a + rest * n, work, z)


@_inner
def _stage(n, theta, layers, data, sizes, kept, place, unit, source, b):
    """Stage a block; the number of its rows.

    The unit without what varies does not depend on the coordinate's present value, so that a value's loss does not.
    """
    layer, stage, targets, one = layers[place], sizes[STAGE], sizes[TARGETS], kept.dtype.type(1)
    inputs, bias = layer[INPUTS], _after(layer[BIAS], unit)
    weight, a = layer[WEIGHT] + unit * inputs, _source(n, layers, sizes, place, b)
    _begin(n, theta, NONE if source == NONE else bias, kept, stage)
    for r in range(n):
        kept[stage + n + r] = one
    if place == _0:
        _add_other_inputs(n, theta, weight, inputs, source, data, a, kept, stage)
        if source != NONE:
            _copy(n, data, a + source * n, kept, stage + n)
    else:
        _add_other_inputs(n, theta, weight, inputs, source, kept, a, kept, stage)
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


@_inner
def _vary(n, kept, stage, value, z):
    """The unit's pre-activations with its coordinate at a value."""
    for r in range(n):
        kept[z + r] = kept[stage + r] + value * kept[stage + n + r]


@_inner
def _spread(n, theta, layers, kept, place, unit, row, others, z):
    """The next layer's pre-activations. A dead unit or a zero weight changes nothing here, exactly: ties stay ties."""
    after = layers[place + _1]
    for j in range(after[OUTPUTS]):
        w, o, k = theta[after[WEIGHT] + j * after[INPUTS] + unit], others + j * n, z + j * n
        for r in range(n):
            kept[k + r] = kept[o + r] + w * kept[row + r]


@_inner
def _sum_of_squares(n, kept, out, y, mask):
    """The sum of the squares of one output's residuals, which take its place."""
    for r in range(n):
        d = kept[out + r] - kept[y + r]
        kept[out + r] = kept[mask + r] * (d * d)
    return _sum(n, kept, out)


@_inner
def _score_stage(n, theta, layers, slopes, loss, sizes, kept, place, unit, values, stage, buffers, totals):
    """Add each value's losses of n staged examples to its total."""
    last, targets, room, sums = U(len(layers)) - _1, sizes[TARGETS], sizes[SPARE], sizes[SUMS]
    others, y, mask = stage + _3 * n + targets * n, stage + _3 * n, stage + _2 * n
    row, first, second = buffers[0], buffers[1], buffers[2]
    is_single = layers[last, OUTPUTS] == _1
    for g in range(U(len(values))):
        z = others + unit * n if place == last else row
        _vary(n, kept, stage, values[g], z)
        _activate(n, layers[place, ACTIVATION], slopes[place], kept, z, _1, room)
        out, a = others, second
        if place < last:
            out = first
            _spread(n, theta, layers, kept, place, unit, row, others, out)
            _activate(
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
                _affine(n, theta, layers[k], kept, a, kept, out)
                _activate(n, layers[k, ACTIVATION], slopes[k], kept, out, layers[k, OUTPUTS], room)
        if is_single and loss == MSE:
            totals[g] += _sum_of_squares(n, kept, out, y, mask)
        else:
            _clear(kept, sums, n)
            _add_losses(n, loss, kept, out, layers[last, OUTPUTS], kept, y, mask, sums, room)
            totals[g] += _sum(n, kept, sums)


# Where all activations ahead are linear between kinks, an example none of whose units passes a kink between the lowest
# and the highest value has residuals that are linear in the coordinate: two of them tell its squares at all values.


@_inner
def _mark_bends(n, kind, slope, kept, low, high, units, bends):
    """Set `bends` where a unit's pre-activations lie on two sides of a kink."""
    t = kept.dtype.type
    if kind == NOTHING:
        return
    first, last = (t(slope[0]), t(slope[1])) if kind == CLAMP else (t(0), t(0))
    for j in range(units):
        p, q = low + j * n, high + j * n
        for r in range(n):
            v, w = kept[p + r], kept[q + r]
            bent = (v < first) != (w < first) or (v < last) != (w < last)
            kept[bends + r] = t(1) if bent else kept[bends + r]


@_inner
def _ends(n, theta, layers, slopes, sizes, kept, place, unit, values, stage, ends, bends):
    """Where the staged block's outputs at both values are, of `ends`; marks the examples that bend in between."""
    last, room = U(len(layers)) - _1, sizes[SPARE]
    others = stage + _3 * n + sizes[TARGETS] * n
    low, high, low_next, high_next = ends[0], ends[1], ends[2], ends[3]
    _clear(kept, bends, n)
    _vary(n, kept, stage, values[0], low)
    _vary(n, kept, stage, values[1], high)
    kind, slope = layers[place, ACTIVATION], slopes[place]
    _mark_bends(n, kind, slope, kept, low, high, _1, bends)
    _activate(n, kind, slope, kept, low, _1, room)
    _activate(n, kind, slope, kept, high, _1, room)
    for k in range(place + _1, last + _1):
        if k == place + _1:
            _spread(n, theta, layers, kept, place, unit, low, others, low_next)
            _spread(n, theta, layers, kept, place, unit, high, others, high_next)
        else:
            _affine(n, theta, layers[k], kept, low, kept, low_next)
            _affine(n, theta, layers[k], kept, high, kept, high_next)
        low, low_next, high, high_next = low_next, low, high_next, high
        kind, slope, units = layers[k, ACTIVATION], slopes[k], layers[k, OUTPUTS]
        _mark_bends(n, kind, slope, kept, low, high, units, bends)
        _activate(n, kind, slope, kept, low, units, room)
        _activate(n, kind, slope, kept, high, units, room)
    return low, high


@_inner
def _add_parabola(n, kept, low, high, y, mask, bends, parabola):
    """Add the squares at the low end, the products with the change from there to the high end, and its squares."""
    t = kept.dtype.type
    for r in range(n):
        share = kept[mask + r] * (t(1) - kept[bends + r])
        start = share * (kept[low + r] - kept[y + r])
        change = share * (kept[high + r] - kept[low + r])
        kept[parabola + r] += start * start
        kept[parabola + n + r] += start * change
        kept[parabola + _2 * n + r] += change * change


@_inner
def _is_piecewise(layers, loss, place):
    """Whether the loss is the mean of squares of residuals that are linear between kinks."""
    straight = loss == MSE
    for k in range(place, U(len(layers))):
        straight = straight and layers[k, ACTIVATION] <= CLAMP
    return straight


@_inner
def _count_bent(n, kept, bends, mask):
    bent = _0
    for r in range(n):
        bent += _1 if kept[bends + r] * kept[mask + r] != kept.dtype.type(0) else _0
    return bent


@_inner
def _gather(n, m, kept, stage, bends, rows, bent):
    """Gather the staged block's examples that bend as one of m, of which its mask leaves out the last ones."""
    filled = _0
    for r in range(n):
        if kept[bends + r] * kept[stage + _2 * n + r] != kept.dtype.type(0):
            for k in range(rows):
                kept[bent + k * m + filled] = kept[stage + k * n + r]
            filled += _1
    for k in range(rows):
        row = bent + k * m
        for r in range(filled, m):
            kept[row + r] = kept.dtype.type(0) if k == _2 else kept[row + filled - _1]


# Where one output lies at most two layers behind, with nothing but ReLU on the way, all that one example needs fits the
# registers: its squared residual is then computed at all values side by side.


@_inner
def _is_near(layers, place):
    """Whether the network ends so behind this layer."""
    last = U(len(layers)) - _1
    near = place < last and place + _2 >= last and layers[last, OUTPUTS] == _1
    for k in range(place, last):
        near = near and layers[k, ACTIVATION] <= RELU
    return near and layers[last, ACTIVATION] == NOTHING


@_inner
def _floor(work, kind):
    """What an activation, ReLU or none, cuts off below."""
    return work.dtype.type(0) if kind == RELU else work.dtype.type(-np.inf)


@_inner
def _add_example(n, theta, layers, kept, place, unit, values, stage, r, work):
    """Add a staged example's squared residual at each value to the first half of `work`."""
    count, last = U(len(values)), U(len(layers)) - _1
    z, a, y, others = kept[stage + r], kept[stage + n + r], kept[stage + _3 * n + r], stage + _4 * n + r
    least, w = _floor(work, layers[place, ACTIVATION]), layers[place + _1, WEIGHT] + unit
    if place + _1 == last:
        o, w0 = kept[others], theta[w]
        for g in range(count):
            d = o + w0 * max(z + values[g] * a, least) - y
            work[g] += d * d
        return
    least1, inputs, units, v, b = (
        _floor(work, layers[place + _1, ACTIVATION]),
        layers[place + _1, INPUTS],
        layers[place + _1, OUTPUTS],
        layers[last, WEIGHT],
        count,
    )
    bias = theta[layers[last, BIAS]] if layers[last, BIAS] != NONE else work.dtype.type(0)
    for g in range(count):
        work[b + g] = bias
    j = _0
    while j + _4 <= units:
        o, k = others + j * n, w + j * inputs
        o0, o1, o2, o3 = kept[o], kept[o + n], kept[o + _2 * n], kept[o + _3 * n]
        w0, w1, w2, w3 = theta[k], theta[k + inputs], theta[k + _2 * inputs], theta[k + _3 * inputs]
        v0, v1, v2, v3 = theta[v + j], theta[v + j + _1], theta[v + j + _2], theta[v + j + _3]
        for g in range(count):
            h = max(z + values[g] * a, least)
            a0, a1 = max(o0 + w0 * h, least1), max(o1 + w1 * h, least1)
            a2, a3 = max(o2 + w2 * h, least1), max(o3 + w3 * h, least1)
            work[b + g] = work[b + g] + v0 * a0 + v1 * a1 + v2 * a2 + v3 * a3
        j += _4
    while j < units:
        o0, w0, v0 = kept[others + j * n], theta[w + j * inputs], theta[v + j]
        for g in range(count):
            h = max(z + values[g] * a, least)
            work[b + g] += v0 * max(o0 + w0 * h, least1)
        j += _1
    for g in range(count):
        d = work[b + g] - y
        work[g] += d * d


@_inner
def _add_examples(n, theta, layers, kept, place, unit, values, stage, bends, work, totals):
    """Add the losses of the staged examples that bend to the totals of the values, a few at a time."""
    count, waiting, mask = U(len(values)), _0, stage + _2 * n
    for r in range(n):
        if kept[bends + r] * kept[mask + r] != kept.dtype.type(0):
            if waiting == _0:
                _clear(work, _0, count)
            _add_example(n, theta, layers, kept, place, unit, values, stage, r, work)
            waiting += _1
            if waiting == _64:  # a longer sum of float32 numbers would lose digits
                _flush(work, totals)
                waiting = _0
    if waiting > _0:
        _flush(work, totals)


@_inner
def _flush(work, totals):
    for g in range(U(len(totals))):
        totals[g] += work[g]


@_inner
def _by_pieces(n, theta, layers, slopes, loss, data, sizes, kept, place, unit, source, values, work, totals):
    """Totals of a piecewise parabola; False where rounding would leave too few digits of them, or they overflow."""
    last, stage, bends, parabola = U(len(layers)) - _1, sizes[STAGE], sizes[BUFFERS], sizes[BUFFERS] + n
    bent, others = _second_stage(sizes), stage + _3 * n + sizes[TARGETS] * n
    ends, buffers, near = (values.min(), values.max()), _buffers(n, sizes), _is_near(layers, place)
    _clear(kept, parabola, _3 * n)
    for b in range(sizes[BLOCKS]):
        rows = _stage(n, theta, layers, data, sizes, kept, place, unit, source, b)
        low, high = _ends(n, theta, layers, slopes, sizes, kept, place, unit, ends, stage, buffers, bends)
        for k in range(layers[last, OUTPUTS]):
            p, q = low + k * n, high + k * n
            if place == last:  # all outputs but one stay as they are
                p, q = (low, high) if k == unit else (others + k * n, others + k * n)
            _add_parabola(n, kept, p, q, stage + _3 * n + k * n, stage + _2 * n, bends, parabola)
        count = _count_bent(n, kept, bends, stage + _2 * n)
        if near:
            _add_examples(n, theta, layers, kept, place, unit, values, stage, bends, work, totals)
        elif count > _0:
            m = min(n, (count + GRAIN - _1) // GRAIN * GRAIN)
            _gather(n, m, kept, stage, bends, rows, bent)
            _score_stage(
                m, theta, layers, slopes, loss, sizes, kept, place, unit, values, bent, buffers, totals
            )
    return _add_up(n, kept, parabola, float(ends[0]), float(ends[1]), values, totals)


@_inner
def _add_up(n, kept, parabola, low, high, values, totals):
    """Add the parabola to the totals of those that bend; False if the sums are not to be trusted."""
    start, product, change = (
        _sum(n, kept, parabola),
        _sum(n, kept, parabola + n),
        _sum(n, kept, parabola + _2 * n),
    )
    trusted = (1e-5 if _is_double(kept) else 0.25) * (start + change)
    if not np.isfinite(trusted + product):
        return False
    for g in range(U(len(values))):
        share = (float(values[g]) - low) / (high - low) if high > low else 0.0
        totals[g] += start + share * (2.0 * product + share * change)
        if totals[g] < trusted:
            return False
    return True


@_inner
def _width(n, sizes):
    """Size of each of the four places for a layer's values."""
    return (sizes[SUMS] - sizes[BUFFERS] - _4 * n) // _4


@_inner
def _buffers(n, sizes):
    first, width = sizes[BUFFERS] + _4 * n, _width(n, sizes)
    return first, first + width, first + _2 * width, first + _3 * width


@_inner
def _second_stage(sizes):
    return sizes[STAGE] + (sizes[SPARE] - sizes[STAGE]) // _2


@_inner
def _by_values(n, theta, layers, slopes, loss, data, sizes, kept, place, unit, source, values, work, totals):
    """Totals of all values, every example scored at each."""
    stage, bends, buffers = sizes[STAGE], sizes[BUFFERS], _buffers(n, sizes)
    near = loss == MSE and U(len(values)) >= FEW_VALUES and _is_near(layers, place)
    for b in range(sizes[BLOCKS]):
        _stage(n, theta, layers, data, sizes, kept, place, unit, source, b)
        if near:
            for r in range(n):
                kept[bends + r] = kept.dtype.type(1)
            _add_examples(n, theta, layers, kept, place, unit, values, stage, bends, work, totals)
            continue
        _score_stage(n, theta, layers, slopes, loss, sizes, kept, place, unit, values, stage, buffers, totals)


@_entry
def line(
    theta, layers, slopes, loss, data, sizes, kept, state, where, pending, index, values, work, totals, losses
):
    """Losses with theta[index] at each of the values, infinite where not finite; the place of the lowest.

    values: may be more than losses are asked for. work: memory of its own, twice as long.
    pending: a coordinate that has been changed since, or less than zero.
    """
    n = sizes[BLOCK]
    if pending >= 0:
        _moved(n, theta, layers, slopes, data, sizes, kept, state, where, U(pending))
    index = U(index)
    place, unit, source = where[index, 0], where[index, 1], where[index, 2]
    _validate(n, theta, layers, slopes, data, sizes, kept, state, place, unit)
    count, done = U(len(values)), False
    totals[:] = 0.0
    if count >= FEW_VALUES and _is_piecewise(layers, loss, place):
        done = _by_pieces(
            n, theta, layers, slopes, loss, data, sizes, kept, place, unit, source, values, work, totals
        )
        if not done:
            totals[:] = 0.0
    if not done:
        _by_values(
            n, theta, layers, slopes, loss, data, sizes, kept, place, unit, source, values, work, totals
        )
    divisor = _divisor(loss, sizes[EXAMPLES], layers[U(len(layers)) - _1, OUTPUTS])
    lowest = _0
    for g in range(min(count, U(len(losses)))):
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
                numbers,
                types.float64[::1],
                numbers,
            )
        )
