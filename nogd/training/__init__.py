"""Learners by name or class, and the loop that lets one of them work on an objective until its budget is spent.

From outside: `learner` (the base classes; authors take them from `nogd`), `names` (from text to learners and back),
`loop` and `recorder` (one run and its curve), shared by `nogd.fit` and the bench.
"""

from __future__ import annotations
