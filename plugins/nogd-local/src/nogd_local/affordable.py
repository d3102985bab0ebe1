"""How much of a set of candidates the budget still allows."""

from __future__ import annotations

from nogd import Objective


def affordable(objective: Objective, count: int) -> int:
    """How many of `count` candidates to score now: at least 1, which the objective then refuses if need be."""
    left = objective.left
    return int(max(1, min(count, left.forwards, left.evaluations)))
