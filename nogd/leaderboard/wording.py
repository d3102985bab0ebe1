"""What a field's standing says, in a sentence; the same on the page and in the reading."""

from __future__ import annotations

from collections.abc import Sequence

from nogd.leaderboard.standing import BACK_PROPAGATED, CLASSES, Standing
from nogd.report.names import counted, listed, short_name
from nogd.report.numbers.formats import interval_text, score_text

WITHOUT = tuple(each for each in CLASSES if each not in BACK_PROPAGATED)
"""Classes that do without back-propagation: layers may use derivatives of their own, and a tangent runs forward."""

TOO_FEW = "too few runs to tell"


def learner_told(standing: Standing, learner: str) -> str:
    """A learner with its score and interval."""
    row = standing.row(learner)
    band = interval_text(row["score_low"], row["score_high"])
    return f"{short_name(learner)} {score_text(row['score'])} [{band}]"


def answer(standing: Standing) -> str:
    """Who is first, and how the best without back-propagation stands beside the best with it."""
    free, propagated = standing.first_of(WITHOUT), standing.first_of(BACK_PROPAGATED)
    start = f"{standing.field.name} ({counted(len(standing.field.tasks), 'task')}): "
    if free is None:
        return f"{start}no learner without back-propagation has runs on all tasks yet."
    if propagated is None:
        return (
            f"{start}{learner_told(standing, free)} is first of {len(standing.whole)}{_next(standing, free)}."
        )
    told = f"{learner_told(standing, free)} without back-propagation, {learner_told(standing, propagated)} with it"
    return f"{start}{told}: {_beside(standing, free, propagated)}."


def _next(standing: Standing, first: str) -> str:
    others = [str(each) for each in standing.whole["learner"] if each != first]
    if not others:
        return ""
    tied = [other for other in others if not standing.is_ahead(first, other)]
    if not tied:
        return ", ahead of each of the others beyond chance"
    return f"; {counted(len(tied), 'learner')} not told apart from it"


def _beside(standing: Standing, free: str, propagated: str) -> str:
    chance = standing.against(free, propagated).probability
    match standing.verdict(free, propagated):
        case "ahead":
            return f"the first wins {chance:.0%} of pairs with the same start, beyond chance"
        case "behind":
            return f"the second wins {1 - chance:.0%} of pairs with the same start, beyond chance"
        case _:
            return not_apart(standing, free, propagated)


def not_apart(standing: Standing, first: str, other: str) -> str:
    """Why neither is ahead, in few words."""
    return "not told apart" if standing.is_testable(first, other) else TOO_FEW


def winner(standing: Standing) -> str:
    """Which wins more pairs of runs with the same start than chance explains, in few words; "-" without a pair."""
    free, propagated = standing.first_of(WITHOUT), standing.first_of(BACK_PROPAGATED)
    if free is None or propagated is None:
        return "-"
    chance = standing.against(free, propagated).probability
    match standing.verdict(free, propagated):
        case "ahead":
            return f"without: {chance:.0%} of pairs"
        case "behind":
            return f"with: {1 - chance:.0%} of pairs"
        case _:
            return not_apart(standing, free, propagated)


def summed_up(standings: Sequence[Standing]) -> str:
    """In which fields the best without back-propagation is ahead of the best with it, level with it, and behind."""
    found: dict[str, list[str]] = {}
    for each in standings:
        found.setdefault(_verdict(each), []).append(f"{each.field.name}")
    kinds = (
        ("ahead", "Ahead of the best with it, or with a surrogate gradient"),
        ("level", "Not told apart from it"),
        ("behind", "Behind it"),
        ("untold", "Too few runs to tell"),
        ("alone", "Nobody back-propagates"),
    )
    return "\n".join(
        f"- {told}, {len(found[kind])} of {len(standings)}: {listed(found[kind], len(standings))}."
        for kind, told in kinds
        if kind in found
    )


def _verdict(standing: Standing) -> str:
    free, propagated = standing.first_of(WITHOUT), standing.first_of(BACK_PROPAGATED)
    if free is None or propagated is None:
        return "alone" if propagated is None else "behind"
    return standing.verdict(free, propagated)
