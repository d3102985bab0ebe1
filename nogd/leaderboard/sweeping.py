"""How learners fare while one setting of a task varies and all others stay."""

from __future__ import annotations

from collections.abc import Sequence

from pandas import DataFrame

from nogd.leaderboard.plan import Plan, Sweep
from nogd.leaderboard.standing import Standing

COLUMNS = ("learner", "class", "value", "score", "low", "high")


def sweep_table(sweep: Sweep, measured: DataFrame) -> DataFrame:
    """One row for each learner and value of the setting, with COLUMNS, the best over all values first.

    :param measured: `nogd.leaderboard.measured.COLUMNS`, of the sweep's part alone.
    """
    values = {task: _value(str(task), sweep) for task in measured["task"].unique()}
    rows = measured.assign(value=measured["task"].map(values)).dropna(subset=["value"])
    means = rows.groupby("learner")["score"].mean().sort_values(ascending=False)
    place = {learner: number for number, learner in enumerate(means.index)}
    ordered = rows.assign(place=rows["learner"].map(place)).sort_values(["place", "value"], kind="stable")
    return ordered[list(COLUMNS)].reset_index(drop=True)


def _value(task: str, sweep: Sweep) -> float | None:
    """The setting's value in a task's name; the default in one without settings, None in one of another setting."""
    _, *settings = task.split(",")
    if not settings:
        return sweep.default
    name, _, value = settings[0].partition("=")
    return float(value) if len(settings) == 1 and name == sweep.setting else None


def swept(plan: Plan) -> set[str]:
    """The suites that are only there to be swept."""
    parts = {sweep.part for sweep in plan.sweeps}
    return {part.suite for part in plan.parts if part.name in parts}


def without_sweeps(plan: Plan, standings: Sequence[Standing]) -> list[Standing]:
    """The standings of suites that are compared."""
    return [each for each in standings if each.field.suite not in swept(plan)]
