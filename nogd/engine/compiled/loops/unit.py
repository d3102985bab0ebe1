"""Losses of one network with several sets of incoming weights of one unit."""

from __future__ import annotations

from nogd.engine.compiled.loops.code import (
    ACTIVATION,
    BIAS,
    BLOCK,
    BLOCKS,
    EXAMPLES,
    FEATURES,
    INPUTS,
    MASK,
    OUTPUTS,
    ROOM,
    TARGETS,
    WEIGHT,
    U,
    Y,
    _0,
    _1,
    _2,
    entry,
    inner,
)
from nogd.engine.compiled.loops.elementwise import activate
from nogd.engine.compiled.loops.giving import give
from nogd.engine.compiled.loops.layers import add_other_inputs, affine, begin, shifted
from nogd.engine.compiled.loops.losses import add_losses, clear, divisor_of, summed


@inner
def _through(n, theta, layers, slopes, k, source, a, work, z, room):
    """A layer's activations."""
    affine(n, theta, layers[k], source, a, work, z)
    activate(n, layers[k, ACTIVATION], slopes[k], work, z, layers[k, OUTPUTS], room)


@inner
def _without(n, theta, layer, one, work, a, z):
    """A layer's pre-activations without input number `one`."""
    inputs = layer[INPUTS]
    for j in range(layer[OUTPUTS]):
        begin(n, theta, shifted(layer[BIAS], j), work, z + j * n)
        add_other_inputs(n, theta, layer[WEIGHT] + j * inputs, inputs, one, work, a, work, z + j * n)


@inner
def _with(n, theta, layer, one, work, rest, column, z):
    """The same with it."""
    weight = layer[WEIGHT] + one
    for j in range(layer[OUTPUTS]):
        w, p, q = theta[weight + j * layer[INPUTS]], rest + j * n, z + j * n
        for r in range(n):
            work[q + r] = work[p + r] + w * work[column + r]


@entry
def unit(theta, weights, column, place, one, layers, slopes, loss, data, sizes, work, losses, outputs):
    """Losses of theta `[D]` with other weights of unit number `one` of layer number `place`.

    weights: the sets one after the other, behind them their biases; column: these as a layer of as many units. work:
    memory of its own, ROOM rows, two for each set, and five times the widest layer's. outputs: `[M, N * out]`, or of no
    rows where they are not wanted.
    """
    place, one, last = U(place), U(one), U(len(layers)) - _1
    n, count, features, targets = sizes[BLOCK], column[OUTPUTS], sizes[FEATURES], sizes[TARGETS]
    sums, columns, room, first = _0, count * n, _2 * count * n, (_2 * count + ROOM) * n
    size, units = (U(len(work)) - first) // U(5), layers[last, OUTPUTS]
    others, z0, z1 = first + _2 * size, first + U(3) * size, first + U(4) * size
    clear(work, sums, count * n)
    for b in range(sizes[BLOCKS]):
        source, a, free, spare = data, b * features * n, first, first + size
        for k in range(place):
            _through(n, theta, layers, slopes, U(k), source, a, work, free, room)
            source, a, free, spare = work, free, spare, free
        _through(n, theta, layers, slopes, place, source, a, work, others, room)
        affine(n, weights, column, source, a, work, columns)
        activate(n, column[ACTIVATION], slopes[place], work, columns, count, room)
        if place < last:
            _without(n, theta, layers[place + _1], one, work, others, free)
        y, mask = sizes[Y] + b * targets * n, sizes[MASK] + b * n
        for m in range(count):
            z, other = z0, z1
            if place < last:
                k = place + _1
                _with(n, theta, layers[k], one, work, free, columns + m * n, z)
                activate(n, layers[k, ACTIVATION], slopes[k], work, z, layers[k, OUTPUTS], room)
                while k < last:
                    k += _1
                    _through(n, theta, layers, slopes, k, work, z, work, other, room)
                    z, other = other, z
            else:
                z = others
                for r in range(n):
                    work[z + one * n + r] = work[columns + m * n + r]
            if len(outputs):
                give(sizes, b, work, z, units, outputs[m])
            add_losses(n, loss, work, z, units, data, y, mask, sums + m * n, room)
    for m in range(count):
        losses[m] = summed(n, work, sums + m * n) / divisor_of(loss, sizes[EXAMPLES], units)
