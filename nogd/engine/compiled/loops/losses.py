"""What each example adds to a loss, in n sums side by side; layout.py numbers the losses that are known here."""

from __future__ import annotations

from nogd.engine.compiled.layout import BINARY_CROSS_ENTROPY, CROSS_ENTROPY, HUBER, MSE
from nogd.engine.compiled.loops.code import (
    U,
    _1,
    _2,
    _3,
    _8,
    _16,
    _32,
    _64,
    _128,
    inner,
)
from nogd.engine.compiled.loops.elementwise import exp, log


@inner
def add_losses(n, kind, work, out, outputs, source, y, mask, sums, room):
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


@inner
def _add_binary_cross_entropy(n, work, z, source, y, mask, sums, room):
    """max(z, 0) - z y + log(1 + exp(-|z|)), the last with what 1 + exp(-|z|) was rounded by."""
    none, one = work.dtype.type(0), work.dtype.type(1)
    e, u = room, room + n
    for r in range(n):
        v = work[z + r]
        work[e + r] = v if v < none else -v
    exp(n, work, e, u)
    for r in range(n):
        work[u + r] = one + work[e + r]
    log(n, work, u, u + n)
    for r in range(n):
        v, power = work[z + r], work[e + r]
        whole = one + power
        rest = work[u + r] + (power - (whole - one)) / whole
        work[sums + r] += source[mask + r] * ((max(v, none)) - v * source[y + r] + rest)


@inner
def _add_cross_entropy(n, work, out, classes, source, y, mask, sums, room):
    """The greatest logit is taken off before the exponentials."""
    t = work.dtype.type
    top, own, total, e = room, room + n, room + _2 * n, room + _3 * n
    for r in range(n):
        work[own + r] = work[out + U(source[y + r]) * n + r]
    for r in range(n):
        work[top + r], work[total + r] = work[out + r], t(0)
    for c in range(_1, classes):
        p = out + c * n
        for r in range(n):
            work[top + r] = max(work[top + r], work[p + r])
    for c in range(classes):
        p = out + c * n
        for r in range(n):
            work[e + r] = work[p + r] - work[top + r]
        exp(n, work, e, e + n)
        for r in range(n):
            work[total + r] += work[e + r]
    log(n, work, total, e)
    for r in range(n):
        work[sums + r] += source[mask + r] * (work[top + r] - work[own + r] + work[total + r])


@inner
def clear(work, at, size):
    """Zeros."""
    for r in range(size):
        work[at + r] = work.dtype.type(0)


@inner
def summed(n, work, at):
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


@inner
def divisor_of(loss, examples, outputs):
    """What a sum over all examples is divided by for their mean."""
    return float(examples) if loss == CROSS_ENTROPY else float(examples * outputs)
