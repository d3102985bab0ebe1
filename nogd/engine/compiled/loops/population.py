"""Losses of a population."""

from __future__ import annotations

from nogd.engine.compiled.loops.code import (
    ACTIVATION,
    BLOCK,
    BLOCKS,
    EXAMPLES,
    FEATURES,
    MASK,
    OUTPUTS,
    ROOM,
    TARGETS,
    U,
    Y,
    _0,
    _1,
    _2,
    entry,
)
from nogd.engine.compiled.loops.elementwise import activate
from nogd.engine.compiled.loops.giving import give
from nogd.engine.compiled.loops.layers import affine
from nogd.engine.compiled.loops.losses import add_losses, clear, divisor_of, summed


@entry
def population(thetas, layers, slopes, loss, data, sizes, work, losses, outputs):
    """Losses of thetas `[P, D]`.

    work: memory of its own, ROOM + 1 rows and twice the widest layer's. outputs: `[P, N * out]`, or of no rows where
    they are not wanted.
    """
    last, features, targets, n = U(len(layers)) - _1, sizes[FEATURES], sizes[TARGETS], sizes[BLOCK]
    units = layers[last, OUTPUTS]
    sums, room, first = _0, n, (ROOM + _1) * n
    second = first + (U(len(work)) - first) // _2
    for p in range(len(thetas)):
        theta = thetas[p]
        clear(work, sums, n)
        for b in range(sizes[BLOCKS]):
            z, a = first, second
            affine(n, theta, layers[0], data, b * features * n, work, z)
            for k in range(last):
                activate(n, layers[k, ACTIVATION], slopes[k], work, z, layers[k, OUTPUTS], room)
                z, a = a, z
                affine(n, theta, layers[k + _1], work, a, work, z)
            activate(n, layers[last, ACTIVATION], slopes[last], work, z, units, room)
            if len(outputs):
                give(sizes, b, work, z, units, outputs[p])
            y, mask = sizes[Y] + b * targets * n, sizes[MASK] + b * n
            add_losses(n, loss, work, z, units, data, y, mask, sums, room)
        losses[p] = summed(n, work, sums) / divisor_of(loss, sizes[EXAMPLES], units)
