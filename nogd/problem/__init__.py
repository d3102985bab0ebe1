"""Tasks and data sets: what a comparison fixes before any learner starts.

From outside: `task` (the base classes; authors take them from `nogd`), `metrics` and `reference` (the frozen score that
a task is measured by); `splits` and `constant` are tasks' own.
"""

from __future__ import annotations
