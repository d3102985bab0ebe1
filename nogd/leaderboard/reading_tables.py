"""Tables of the reading, as Markdown: who is first where, what to use for what, and whether that holds elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pandas import DataFrame

from nogd.leaderboard.buying import LOSSES, Bought
from nogd.leaderboard.deciding import Decision
from nogd.leaderboard.lagging import Lag
from nogd.leaderboard.moving import Moved
from nogd.leaderboard.plan import Sweep
from nogd.leaderboard.splitting import AGAIN, Held
from nogd.leaderboard.standing import BACK_PROPAGATED, CLASSES, Standing
from nogd.leaderboard.wording import TOO_FEW, WITHOUT, not_apart, winner
from nogd.report.forms.markdown import code, plain_text, table
from nogd.report.names import counted, listed
from nogd.report.numbers.formats import interval_text, score_text

_GAP = 0.1
"""A smaller one is not told."""
_NOT_MEASURED = "not measured yet"
_MORE = tuple(each for each in WITHOUT if each not in LOSSES)


def overview_table(standings: Sequence[Standing]) -> str:
    """One row for each field: the best that is told losses alone, looks at more, back-propagates, and is ours.

    The best of a row is bold; of the others it says whether they are behind it beyond chance, or not told apart.
    """
    header = (
        "tasks",
        "losses alone",
        "more, without back-propagation",
        "with it, or a surrogate",
        "best of ours",
    )
    return "\n".join(table(header, [_overview(each) for each in standings]))


def _overview(standing: Standing) -> tuple[str, ...]:
    field = standing.field
    bests = [standing.first_of(each) for each in (LOSSES, _MORE, BACK_PROPAGATED)]
    ours = standing.whole.loc[standing.whole["ours"], "learner"]
    best = standing.first_of(CLASSES)
    return (
        plain_text(f"{field.name} ({len(field.tasks)})"),
        *("" if each is None else _beside(standing, each, best) for each in bests),
        _beside(standing, str(ours.iloc[0]), best) if len(ours) else "",
    )


def _beside(standing: Standing, learner: str, best: str | None) -> str:
    if best is None or learner == best:
        return f"**{_scored(standing, learner)}**"
    apart = "behind" if standing.is_ahead(best, learner) else _level(standing, best, learner)
    return f"{_scored(standing, learner)}, {apart}"


def _level(standing: Standing, first: str, other: str) -> str:
    return "level" if standing.is_testable(first, other) else TOO_FEW


def answers_table(standings: Sequence[tuple[str, Standing]]) -> str:
    """One row for each field, each with what readers call its tasks: the best without back-propagation, and with it."""
    header = ("tasks", "best without back-propagation", "best with it, or a surrogate", "which wins")
    return "\n".join(table(header, [_answered(name, each) for name, each in standings]))


def _answered(name: str, standing: Standing) -> tuple[str, ...]:
    firsts = [standing.first_of(classes) for classes in (WITHOUT, BACK_PROPAGATED)]
    tasks = counted(len(standing.field.tasks), "task")
    return (
        plain_text(f"{name}, {standing.field.kind} ({tasks}, {standing.field.forwards:,.0f} forwards)"),
        *("-" if each is None else _scored(standing, each) for each in firsts),
        winner(standing),
    )


def decision_table(decisions: Sequence[Decision]) -> str:
    """One row for each problem: what to use first, what next, how sure that is, and where it was measured."""
    header = ("the problem", "use first", "then", "how sure", "measured on")
    return "\n".join(table(header, [_decided(each) for each in decisions]))


def _decided(decision: Decision) -> tuple[str, ...]:
    name, standing, first, second = (
        plain_text(decision.problem.name),
        decision.standing,
        decision.first,
        decision.second,
    )
    if standing is None or first is None:
        return (name, _NOT_MEASURED, "", "", "")
    suites = ", ".join(dict.fromkeys(part.suite for part in decision.parts))
    tasks, forwards = counted(len(standing.field.tasks), "task"), f"{standing.field.forwards:,.0f} forwards"
    return (
        name,
        _of_class(standing, first),
        "" if second is None else _of_class(standing, second),
        _sure(decision, standing.row(first)["runs"]),
        plain_text(f"{suites}: {tasks}, {forwards}"),
    )


def _scored(standing: Standing, learner: str) -> str:
    row = standing.row(learner)
    band = interval_text(row["score_low"], row["score_high"])
    return f"{code(learner)} {score_text(row['score'])} ({band})"


def _of_class(standing: Standing, learner: str) -> str:
    return f"{_scored(standing, learner)}, {standing.row(learner)['class']}"


def _sure(decision: Decision, runs: int) -> str:
    """Whether the first is ahead of the second, and of how many learners with how many runs it is first."""
    standing, first, second = decision.standing, decision.first, decision.second
    if standing is None or first is None or second is None:
        return f"the only one, with {counted(runs, 'run')}"
    of = int(standing.whole["class"].isin(decision.classes).sum())
    told = "ahead beyond chance" if standing.is_ahead(first, second) else not_apart(standing, first, second)
    return f"{told}; first of {of}, with {counted(runs, 'run')} each"


def splits_table(fields: Sequence[Held]) -> str:
    """One row for each field: how its order correlates with that on other splits, and who is first there.

    Nothing where there is no field.
    """
    if not fields:
        return ""
    numbers = sorted({number for each in fields for number in each.others})
    header = (
        "tasks",
        "learners",
        "same split, other starts",
        *(f"split {number}" for number in numbers),
        "first without back-propagation",
        *(f"its place on split {number}; first there" for number in numbers),
    )
    return "\n".join(table(header, [_kept(each, numbers) for each in fields]))


def _kept(held: Held, numbers: Sequence[int]) -> tuple[str, ...]:
    field, [first, *_] = held.field, held.order(0)
    orders = [held.order(number) if number in held.others else [] for number in numbers]
    return (
        plain_text(f"{field.suite}, {field.kind} ({len(field.tasks)})"),
        str(len(held.scores)),
        *(_correlation(held.correlation(number)) for number in (AGAIN, *numbers)),
        code(first),
        *(f"{order.index(first) + 1}; {code(order[0])}" if order else "" for order in orders),
    )


def lags_table(fields: Sequence[Lag]) -> str:
    """One row for each field where another is first without back-propagation: the gap, and the tasks that decide it."""
    header = (
        "tasks",
        "best of ours",
        "first without back-propagation",
        "gap",
        "furthest behind on (ours, the first)",
    )
    return "\n".join(table(header, [_lag(each) for each in fields]))


def _lag(lag: Lag) -> tuple[str, ...]:
    standing = lag.standing
    ours, first = (standing.row(name)["score"] for name in (lag.ours, lag.first))
    lost = [
        f"{code(str(task))} ({score_text(row['ours'])}, {score_text(row['first'])})"
        for task, row in lag.lost(_GAP).iterrows()
    ]
    return (
        plain_text(f"{standing.field.name} ({len(standing.field.tasks)})"),
        _scored(standing, lag.ours),
        _scored(standing, lag.first),
        f"{first - ours:.2f}, {'beyond chance' if lag.is_behind else _level(standing, lag.first, lag.ours)}",
        listed(lost, 3),
    )


def bought_table(fields: Sequence[Bought]) -> str:
    """One row for each field: how much better who looks at outputs ends, and how much sooner it is as good."""
    header = (
        "tasks",
        "losses alone",
        "outputs and data, no derivative",
        "the second wins",
        "is as good on",
        "after this share of the budget",
    )
    return "\n".join(table(header, [_bought(each) for each in fields]))


def _bought(bought: Bought) -> tuple[str, ...]:
    standing, shares = bought.standing, bought.got_there
    chance = standing.against(bought.outputs, bought.losses)
    apart = standing.verdict(bought.outputs, bought.losses) in ("ahead", "behind")
    return (
        plain_text(f"{standing.field.name} ({len(standing.field.tasks)})"),
        _scored(standing, bought.losses),
        _scored(standing, bought.outputs),
        f"{chance.probability:.0%} of pairs{'' if apart else ', ' + _level(standing, bought.outputs, bought.losses)}",
        f"{len(shares)} of {counted(len(bought.shares), 'task')}",
        f"{shares.median():.0%}" if len(shares) else "",
    )


def moved_table(fields: Sequence[Moved]) -> str:
    """One row for each field with a larger budget or tuned learners: how its order and its scores differ from before.

    Nothing where there is no field.
    """
    header = (
        "tasks",
        "beside",
        "learners",
        "rank correlation",
        "median gain",
        "gained most",
        "first without back-propagation",
        "its place before",
    )
    rows = [_moved(each) for each in fields if len(each.scores)]
    return "\n".join(table(header, rows)) if rows else ""


def _moved(moved: Moved) -> tuple[str, ...]:
    gains, first = moved.gains, next(iter(moved.without), None)
    return (
        plain_text(f"{moved.after.field.name} ({len(moved.after.field.tasks)})"),
        f"{moved.before.field.forwards:,.0f} forwards, defaults",
        str(len(moved.scores)),
        _correlation(moved.correlation),
        f"{gains.median():+.2f}",
        f"{code(str(gains.index[0]))} {gains.iloc[0]:+.2f}",
        *(("", "") if first is None else (code(first), str(moved.place_before(first)))),
    )


def _correlation(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else ""


def sweeps_table(sweeps: Sequence[tuple[Sweep, DataFrame]]) -> str:
    """One row for each sweep: the best score of each class at both ends of what varies, and whose it is.

    :param sweeps: each with `nogd.leaderboard.sweeping.COLUMNS`.
    """
    classes = [each for each in CLASSES if any((rows["class"] == each).any() for _, rows in sweeps)]
    return "\n".join(
        table(("from ... to", *classes), [_ends(sweep, rows, classes) for sweep, rows in sweeps])
    )


def _ends(sweep: Sweep, rows: DataFrame, classes: Sequence[str]) -> tuple[str, ...]:
    ends = [rows[rows["value"] == value] for value in (rows["value"].min(), rows["value"].max())]
    low, high = (f"{float(each['value'].iloc[0]):,g}" for each in ends)
    cells = [" to ".join(_best(end[end["class"] == each]) for end in ends) for each in classes]
    return (plain_text(f"{low} to {high} {sweep.quantity}"), *cells)


def _best(rows: DataFrame) -> str:
    if rows.empty:
        return "-"
    best = rows.sort_values("score", ascending=False, kind="stable").iloc[0]
    return f"{score_text(best['score'])} {code(best['learner'])}"
