"""The compiled loops that are called from outside, which only who has numba can import."""

from __future__ import annotations

from typing import Any

from numba import types

from nogd.engine.compiled.code_cache import has_place, is_kept
from nogd.engine.compiled.loops.line import line
from nogd.engine.compiled.loops.population import population
from nogd.engine.compiled.loops.unit import unit

__all__ = ["REALS", "can_be_kept", "line", "load", "missing", "population", "ready", "unit"]

# What a network's numbers may be.
REALS = (types.float32, types.float64)


def ready() -> None:
    """Compile all for both types of numbers, or load what was compiled before."""
    for real in REALS:
        load(real)


def load(real: Any) -> None:
    """The same for one type."""
    for kernel, signature in _calls(real):
        kernel.compile(signature)


def missing() -> list[Any]:
    """The types for which something is not on disk, and would have to be compiled."""
    return [real for real in REALS if not all(is_kept(*call) for call in _calls(real))]


def can_be_kept() -> bool:
    """Whether what one process compiles another can load."""
    return has_place(population) and has_place(line) and has_place(unit)


def _calls(real: Any) -> list[tuple[Any, tuple[Any, ...]]]:
    """The loops with the types that they are called with."""
    numbers, places, table = real[::1], types.uintp[::1], types.uintp[:, ::1]
    network = (table, types.float64[:, ::1], types.intp, numbers, places)
    walk = (numbers, places, table, types.intp, types.intp, numbers, numbers, types.float64[::1], numbers)
    scored = (numbers, numbers, real[:, ::1])
    return [
        (population, (real[:, ::1], *network, *scored)),
        (unit, (numbers, numbers, places, types.intp, types.intp, *network, *scored)),
        (line, (numbers, *network, *walk)),
    ]
