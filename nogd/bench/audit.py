"""Whether a finished run kept to its budget, by what the harness saw of it and not by the meter alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

# How far the meter's clock may be from the harness's: a share of the run, and seconds.
SHARE, SECONDS = 0.01, 1.0
_COUNTED = ("forwards", "evaluations", "iterations")
_GROWING = ("forwards", "evaluations", "gradients", "examples", "flops", "seconds", "iteration")


@dataclass(frozen=True)
class Watched:
    """What the harness saw of a run, in wall seconds by its own clock.

    elapsed: from begin to end. off: of these, measuring, checkpoints and what costs more the first time. before: what
    the meter showed when the run began, if it was resumed. paid_at: what it showed at the last call that was paid.
    """

    elapsed: float
    off: float
    before: float
    paid_at: float


def overrun(
    reading: Mapping[str, float],
    curve: Sequence[Mapping[str, float]],
    budget: Mapping[str, float | None],
    watched: Watched,
) -> str | None:
    """How a run broke its budget, in words, or None. reading: the meter at its end, iterations among it."""
    for name in _COUNTED:
        most = budget.get(name)
        if most is not None and reading[name] > most * (1 + 1e-9):
            return f"{reading[name]:,.6g} {name} of {most:,.6g}"
    seconds = budget.get("seconds")
    if seconds is not None and watched.paid_at > seconds:
        return f"a call was paid after {watched.paid_at:.4g} seconds of {seconds:.4g}"
    return _backwards(curve) or _off_the_clock(reading["seconds"], watched)


def _backwards(curve: Sequence[Mapping[str, float]]) -> str | None:
    for before, after in pairwise(curve):
        for name in _GROWING:
            if after[name] < before[name]:
                return f"its meter ran backwards, from {before[name]:,.6g} {name} to {after[name]:,.6g}"
    return None


def _off_the_clock(seconds: float, watched: Watched) -> str | None:
    shown, seen = seconds - watched.before, watched.elapsed - watched.off
    if abs(shown - seen) <= SHARE * watched.elapsed + SECONDS:
        return None
    return f"its meter shows {shown:.4g} s, the harness's clock {seen:.4g} s"
