"""Small networks scored by loops that numba compiles."""

from __future__ import annotations
