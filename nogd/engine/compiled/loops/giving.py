"""A network's outputs, written out as it gives them itself."""

from __future__ import annotations

from nogd.engine.compiled.loops.code import BLOCK, EXAMPLES, _1, inner


@inner
def give(sizes, b, work, z, units, outputs):
    """Write the values of a block's examples into outputs `[N * units]`, example by example; padding is left out."""
    n = sizes[BLOCK]
    first = b * n
    many = min(n, sizes[EXAMPLES] - first)
    if units == _1:
        for r in range(many):
            outputs[first + r] = work[z + r]
        return
    for r in range(many):
        for unit in range(units):
            outputs[(first + r) * units + unit] = work[z + unit * n + r]
