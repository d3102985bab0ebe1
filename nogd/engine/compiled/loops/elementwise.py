"""Activations, and the exponential and the logarithm that they and the losses are made of."""

from __future__ import annotations

import numpy as np

from nogd.engine.compiled.loops.code import CLAMP, LEAKY, NOTHING, RELU, SIGMOID, TANH, inner


@inner
def activate(n, kind, slope, work, z, units, room):
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


@inner
def _bounded(n, kind, work, z, room):
    """tanh or sigmoid of n numbers, by an exponential of what is below zero, which cannot overflow."""
    t = work.dtype.type
    none, one, e = t(0), t(1), room
    by = t(2) if kind == TANH else one
    for r in range(n):
        v = work[z + r]
        work[e + r] = by * v if v < none else -by * v
    exp(n, work, e, room + n)
    for r in range(n):
        v, power = work[z + r], work[e + r]
        if kind == SIGMOID:
            work[z + r] = (power if v < none else one) / (one + power)
        else:
            far = (one - power) / (one + power)
            far = -far if v < none else far
            work[z + r] = far if v > t(0.55) or v < t(-0.55) else v * _tanh_share(work, v * v)


@inner
def _tanh_share(work, s):
    """tanh(v) / v of s = v^2 up to 0.3, where the exponential would lose digits: a convergent of its fraction."""
    t = work.dtype.type
    above = ((s + t(378)) * s + t(17325)) * s + t(135135)
    return above / (((t(28) * s + t(3150)) * s + t(62370)) * s + t(135135))


@inner
def is_double(work):
    """Whether the numbers are float64, in a form that the compiler knows beforehand."""
    t = work.dtype.type
    return t(1) + t(1e-10) != t(1)


@inner
def exp(n, work, x, room):
    """Exponentials of n numbers, none above zero, in place; zero where they are below the least normal number."""
    t = work.dtype.type
    double = is_double(work)
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


@inner
def _more_of_exp(work, f):
    """The terms of the exponential's series that only float64 needs."""
    t = work.dtype.type
    p = f * t(1 / 13) + t(1)
    p = p * f * t(1 / 12) + t(1)
    p = p * f * t(1 / 11) + t(1)
    p = p * f * t(1 / 10) + t(1)
    p = p * f * t(1 / 9) + t(1)
    return p * f * t(1 / 8) + t(1)


@inner
def log(n, work, x, room):
    """Logarithms of n numbers of at least 1, in place; NaN where they are not finite."""
    t = work.dtype.type
    narrow, wide = work.view(np.int32), work.view(np.int64)
    exponents, double = room + n, is_double(work)
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
