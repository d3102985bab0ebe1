"""What a walk keeps about its theta, and where.

`kept` holds each layer's activations, then what the next layer gets from all units but one, then memory to work in. A
block to be scored is staged there as rows of n numbers: the unit's pre-activations without what varies, what the
coordinate is multiplied by, the mask, the targets, and either what the next layer gets from the other units or, in the
last layer, all of its outputs.
"""

from __future__ import annotations

from nogd.engine.compiled.loops.code import (
    ACTIVATION,
    BEHIND,
    BIAS,
    BLOCKS,
    BUFFERS,
    FEATURES,
    INPUTS,
    OTHERS,
    OUTPUTS,
    SPARE,
    STAGE,
    SUMS,
    WEIGHT,
    U,
    _0,
    _1,
    _2,
    _3,
    _4,
    inner,
)
from nogd.engine.compiled.loops.elementwise import activate
from nogd.engine.compiled.loops.layers import add_inputs, add_other_inputs, begin, shifted


@inner
def inputs_of(n, layers, sizes, place, block):
    """Where a block of a layer's inputs begins, in the data for the first layer, in `kept` for the others."""
    if place == _0:
        return block * sizes[FEATURES] * n
    return layers[place - _1, BEHIND] + block * layers[place, INPUTS] * n


@inner
def _row(n, theta, layers, slopes, data, sizes, kept, place, unit):
    """Make one unit's kept rows anew, always in the same way, so that they are a function of theta alone."""
    layer = layers[place]
    weight, bias = layer[WEIGHT] + unit * layer[INPUTS], shifted(layer[BIAS], unit)
    for b in range(sizes[BLOCKS]):
        a = inputs_of(n, layers, sizes, place, b)
        z = layer[BEHIND] + (b * layer[OUTPUTS] + unit) * n
        begin(n, theta, bias, kept, z)
        if place == _0:
            add_inputs(n, theta, weight, layer[INPUTS], data, a, kept, z)
        else:
            add_inputs(n, theta, weight, layer[INPUTS], kept, a, kept, z)
        activate(n, layer[ACTIVATION], slopes[place], kept, z, _1, sizes[SPARE])


@inner
def moved(n, theta, layers, slopes, data, sizes, kept, state, where, index):
    """Take notice that theta[index] has changed. state: layers whose rows are theta's, and whose others are kept."""
    place, unit = where[index, 0], where[index, 1]
    if state[1] != place + _1 or state[2] != unit:
        state[1] = _0
    if place < state[0]:
        _row(n, theta, layers, slopes, data, sizes, kept, place, unit)
        state[0] = place + _1


@inner
def validate(n, theta, layers, slopes, data, sizes, kept, state, place, unit):
    """Make the rows up to this layer those of theta, and what the next layer gets without this unit."""
    while state[0] <= place:
        for each in range(layers[state[0], OUTPUTS]):
            _row(n, theta, layers, slopes, data, sizes, kept, state[0], each)
        state[0] += _1
    if place + _1 < U(len(layers)) and (state[1] != place + _1 or state[2] != unit):
        _without(n, theta, layers, sizes, kept, place, unit)
        state[1], state[2] = place + _1, unit


@inner
def _without(n, theta, layers, sizes, kept, place, unit):
    after = layers[place + _1]
    inputs, outputs = after[INPUTS], after[OUTPUTS]
    for b in range(sizes[BLOCKS]):
        a = layers[place, BEHIND] + b * inputs * n
        for j in range(outputs):
            z, weight = sizes[OTHERS] + (b * outputs + j) * n, after[WEIGHT] + j * inputs
            begin(n, theta, shifted(after[BIAS], j), kept, z)
            add_other_inputs(n, theta, weight, inputs, unit, kept, a, kept, z)


@inner
def _width(n, sizes):
    """Size of each of the four places for a layer's values."""
    return (sizes[SUMS] - sizes[BUFFERS] - _4 * n) // _4


@inner
def buffers_of(n, sizes):
    """Where the four places for a layer's values are."""
    first, width = sizes[BUFFERS] + _4 * n, _width(n, sizes)
    return first, first + width, first + _2 * width, first + _3 * width


@inner
def second_stage(sizes):
    """Where examples that were gathered from a staged block are staged."""
    return sizes[STAGE] + (sizes[SPARE] - sizes[STAGE]) // _2
