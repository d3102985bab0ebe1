"""Single examples at all values side by side.

Where one output lies at most two layers behind, with nothing but ReLU on the way, all that one example needs fits the
registers: its squared residual is then computed at all values side by side.
"""

from __future__ import annotations

import numpy as np

from nogd.engine.compiled.loops.code import (
    ACTIVATION,
    BIAS,
    INPUTS,
    NONE,
    NOTHING,
    OUTPUTS,
    RELU,
    WEIGHT,
    U,
    _0,
    _1,
    _2,
    _3,
    _4,
    _64,
    inner,
)
from nogd.engine.compiled.loops.losses import clear
from nogd.engine.compiled.loops.stage import is_kinked


@inner
def is_near(layers, place):
    """Whether the network ends so behind this layer."""
    last = U(len(layers)) - _1
    near = place < last and place + _2 >= last and layers[last, OUTPUTS] == _1
    for k in range(place, last):
        near = near and layers[k, ACTIVATION] <= RELU
    return near and layers[last, ACTIVATION] == NOTHING


@inner
def _floor(work, kind):
    """What an activation, ReLU or none, cuts off below."""
    return work.dtype.type(0) if kind == RELU else work.dtype.type(-np.inf)


@inner
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


@inner
def add_examples(n, theta, layers, kept, place, unit, values, stage, kinked, work, totals):
    """Add the losses of the staged examples that bend to the totals of the values, a few at a time."""
    count, waiting = U(len(values)), _0
    for r in range(n):
        if is_kinked(n, kept, stage, kinked, r):
            if waiting == _0:
                clear(work, _0, count)
            _add_example(n, theta, layers, kept, place, unit, values, stage, r, work)
            waiting += _1
            if waiting == _64:  # a longer sum of float32 numbers would lose digits
                _flush(work, totals)
                waiting = _0
    if waiting > _0:
        _flush(work, totals)


@inner
def _flush(work, totals):
    for g in range(U(len(totals))):
        totals[g] += work[g]
