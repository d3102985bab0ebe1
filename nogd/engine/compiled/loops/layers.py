"""Pre-activations of a layer, of one block of examples."""

from __future__ import annotations

from nogd.engine.compiled.loops.code import BIAS, INPUTS, NONE, OUTPUTS, WEIGHT, _0, _1, _2, _3, _4, inner


@inner
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


@inner
def add_inputs(n, theta, weight, count, source, a, work, z):
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


@inner
def begin(n, theta, bias, work, z):
    """A unit's pre-activations with nothing but its bias, if it has one."""
    b = theta[bias] if bias != NONE else work.dtype.type(0)
    for r in range(n):
        work[z + r] = b


@inner
def shifted(place, by):
    """`by` behind a place in theta, if there is one."""
    return place + by if place != NONE else NONE


@inner
def affine(n, theta, layer, source, a, work, z):
    """A layer's pre-activations of one block."""
    inputs, outputs, weight, bias = layer[INPUTS], layer[OUTPUTS], layer[WEIGHT], layer[BIAS]
    j = _0
    while j + _4 <= outputs:
        _four_units(n, theta, weight + j * inputs, shifted(bias, j), inputs, source, a, work, z + j * n)
        j += _4
    while j < outputs:
        begin(n, theta, shifted(bias, j), work, z + j * n)
        add_inputs(n, theta, weight + j * inputs, inputs, source, a, work, z + j * n)
        j += _1


@inner
def add_other_inputs(n, theta, weight, count, one, source, a, work, z):
    """The same without input number `one`."""
    before = min(count, one)
    add_inputs(n, theta, weight, before, source, a, work, z)
    if one < count:
        rest = one + _1
        add_inputs(n, theta, weight + rest, count - rest, source, a + rest * n, work, z)
