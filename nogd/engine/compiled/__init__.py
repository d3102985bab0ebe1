"""Small stacks of layers scored by loops that numba compiles, where it is installed.

From outside: `scorer`, by networks and walks, which says whether a network can be compiled and does it; `layout` is how
a network lies in memory for the loops.
"""

from __future__ import annotations
