"""How the numbers of a leaderboard are written, the same in every form."""

from __future__ import annotations

import math


def number(value: float, form: str) -> str:
    """A number in a given format, or a dash where there is none."""
    return "-" if math.isnan(value) else format(value, form)


def score_text(score: float) -> str:
    """A score in at most six characters: 0.97, -12.40, -4531, -2e+07."""
    size = abs(score)
    return number(score, ".2f" if size < 99.995 or math.isnan(score) else ".0f" if size < 99_999.5 else ".0e")


def time_text(relative: float, unsolved: float) -> str:
    """A running time relative to the reference: 0.85, or >12 where some targets were never reached; a dash for none."""
    told = number(relative, ".2f" if relative < 9.995 else ".0f" if relative < 9_999.5 else ".0e")
    return f">{told}" if unsolved > 0 else told


def interval_text(low: float, high: float) -> str:
    """An interval of scores, or a dash where there is none."""
    return "-" if math.isnan(low) or math.isnan(high) else f"{score_text(low)} to {score_text(high)}"


def metric_text(value: float) -> str:
    """A metric in three digits, or a dash where there is none."""
    return number(value, "#.3g" if 1e-3 <= abs(value) < 1e3 else ".3g")


def metric_interval_text(low: float, high: float) -> str:
    """An interval of a metric, or a dash where there is none."""
    return "-" if math.isnan(low) or math.isnan(high) else f"{metric_text(low)} to {metric_text(high)}"
