"""Walks along single coordinates of one theta: only what lies downstream of the changed unit is computed.

From outside: `walking.Walk`, which a learner gets from `objective.walk`; `lines` and `caches`, by the objective.
"""

from __future__ import annotations
