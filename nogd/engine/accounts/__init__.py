"""What a run may spend and what it has spent: every call pays here before anything is computed.

From outside: `meter` (budgets, limits, the meter that learners see); the other modules belong to the objective, the
loop of a run and the recorder.
"""

from __future__ import annotations
