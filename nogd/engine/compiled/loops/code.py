"""What all loops are made with: numba's settings, and the numbers that layout.py names, as unsigned ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numba import njit

from nogd.engine.compiled import layout as plan
from nogd.engine.compiled.code_cache import kept

_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
# A loop's code is made of all that it calls and of layout.py's numbers, so that it is anew where any of these changes.
_SOURCES = [Path(plan.__file__), *sorted(Path(__file__).parent.glob("*.py"))]

inner = njit(**_OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def entry(function):
    """Called from outside: its code is kept on disk, beside its file or in the user's cache, if there is a place."""
    return kept(function, _SOURCES, **_OPTIONS)


U = np.uintp
_0, _1, _2, _3, _4, _8, _16, _32, _64, _128 = map(U, (0, 1, 2, 3, 4, 8, 16, 32, 64, 128))
NONE = U(plan.NONE)
INPUTS, OUTPUTS, WEIGHT, BIAS, ACTIVATION, BEHIND = map(U, range(plan.COLUMNS))
NOTHING, RELU, LEAKY, CLAMP, TANH, SIGMOID = map(U, range(plan.ACTIVATIONS))
BLOCKS, EXAMPLES, FEATURES, TARGETS, Y, MASK, BLOCK, OTHERS, STAGE, SPARE, BUFFERS, SUMS = map(
    U, range(plan.SIZES)
)
ROOM = U(plan.ROOM)
FEW_VALUES, GRAIN = U(6), U(plan.GRAIN)
