"""The compiled loops that are called from outside, which only who has numba can import."""

from __future__ import annotations

from numba import types

from nogd.objective.loops.line import line
from nogd.objective.loops.population import population

__all__ = ["line", "population", "ready"]


def ready() -> None:
    """Compile all for both types of numbers, or load what was compiled before."""
    for real in (types.float32, types.float64):
        numbers, places, table = real[::1], types.uintp[::1], types.uintp[:, ::1]
        network = (table, types.float64[:, ::1], types.intp, numbers, places)
        population.compile((real[:, ::1], *network, numbers, numbers))
        line.compile(
            (
                numbers,
                *network,
                numbers,
                places,
                table,
                types.intp,
                types.intp,
                numbers,
                numbers,
                types.float64[::1],
                numbers,
            )
        )
