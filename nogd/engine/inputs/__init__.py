"""Data as people hold them (tensors, arrays, tables, lists, loaders), as tensors that fit a module and each other.

From outside: `tensors` and `loading`, by whoever takes a user's data; `arrays`, by data sets; `shown` is the
objective's.
"""

from __future__ import annotations
