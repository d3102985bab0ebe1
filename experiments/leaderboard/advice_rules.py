"""Compare rules of advice: `python experiments/leaderboard/advice_rules.py` prints how far below the best they choose.

Each task of the default suite is left out of what a rule knows, and each of the sweeps is asked for by what is known of
the default suite. What a rule knows is drawn 100 times with replacement, as one task of ten may decide who is first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pandas import DataFrame, Series

from nogd.leaderboard.advice import expected, regret_table
from nogd.leaderboard.facts import FILE, Facts, read_facts
from nogd.leaderboard.fields import fields_of
from nogd.leaderboard.gathering import DATA, gathered
from nogd.leaderboard.measured import measured_table
from nogd.leaderboard.plan import read_plan
from nogd.leaderboard.standing import standing
from nogd.report.forms.markdown import table

HERE = Path(__file__).parent
DRAWS = 100
Rule = Callable[[DataFrame, Facts, Sequence[Facts], Sequence[Facts]], "Series[float]"]
"""From regrets, a task, what is known of its kind and of other kinds, to what each learner is expected to lose."""


def _columns(regrets: DataFrame, tasks: Sequence[Facts]) -> DataFrame:
    filled = regrets.fillna(regrets.median())
    return filled[[each.task for each in tasks]]


def _distance(one: Facts, other: Facts) -> float:
    """The way between two tasks' sizes in factors of ten."""
    sizes = ("parameters", "layers", "examples")
    return math.hypot(
        *(math.log10(max(getattr(one, each), 1) / max(getattr(other, each), 1)) for each in sizes)
    )


def nearest(
    regrets: DataFrame, task: Facts, like: Sequence[Facts], _others: Sequence[Facts]
) -> Series[float]:
    """The mean over the five tasks nearest in size, of who has runs on all of them: the rule until November 2026."""
    near = sorted(set(like), key=lambda each: (_distance(task, each), each.task))[:5]
    return regrets[[each.task for each in near]].dropna().mean(axis=1)


def mean(regrets: DataFrame, _task: Facts, like: Sequence[Facts], _others: Sequence[Facts]) -> Series[float]:
    """The mean over all tasks of the kind."""
    return _columns(regrets, like).mean(axis=1)


def rank(regrets: DataFrame, _task: Facts, like: Sequence[Facts], _others: Sequence[Facts]) -> Series[float]:
    """The mean rank over all tasks of the kind."""
    return _columns(regrets, like).rank().mean(axis=1)


def weighted(
    regrets: DataFrame, task: Facts, like: Sequence[Facts], _others: Sequence[Facts]
) -> Series[float]:
    """The mean over all tasks of the kind, of which the nearer in size weigh more."""
    weights = [1 / (1 + _distance(task, each)) for each in like]
    return _columns(regrets, like).mul(weights).sum(axis=1)


def shrunk(regrets: DataFrame, _task: Facts, like: Sequence[Facts], others: Sequence[Facts]) -> Series[float]:
    """The mean over all tasks of the kind, with those of other kinds as two more: what `nogd advise` does."""
    return expected(regrets, [each.task for each in like], [each.task for each in others])


RULES: tuple[Rule, ...] = (nearest, mean, rank, weighted, shrunk)


def main() -> None:
    """Print a Markdown table."""
    plan = read_plan(HERE)
    parts = {
        name: each
        for name, each in gathered(plan, HERE, ()).items()
        if name in ("default-1000", "sweeps-1000")
    }
    facts = read_facts(HERE / DATA / FILE)
    measured = measured_table([standing(field, ()) for field in fields_of(plan, parts, facts)])
    regrets = regret_table(measured)
    tasks = {name: sorted(map(str, each.runs["task"].unique())) for name, each in parts.items()}
    known = [facts[name] for name in tasks["default-1000"]]
    rows = []
    for rule in RULES:
        lost = [
            np.mean([_lost(rule, regrets, facts[name], known) for name in tasks[part]])
            for part in ("default-1000", "sweeps-1000")
        ]
        rows.append(((rule.__doc__ or "").rstrip("."), *(f"{each:.2f}" for each in lost)))
    print("\n".join(table(("rule", "regret, default suite", "regret, sweeps"), rows, right=(1, 2))))


def _lost(rule: Rule, regrets: DataFrame, task: Facts, known: Sequence[Facts]) -> float:
    """The mean regret on a task over draws of what is known."""
    rng = np.random.default_rng(0)
    rest, own = [each for each in known if each.task != task.task], regrets[task.task].dropna()
    lost = []
    for _ in range(DRAWS):
        drawn = [rest[place] for place in rng.integers(len(rest), size=len(rest))]
        like, others = ([each for each in drawn if each.is_like(task) is kind] for kind in (True, False))
        if like:
            measured = regrets[sorted({each.task for each in like})].notna().any(axis=1)
            able = own.index.intersection(measured.index[measured])
            found = rule(regrets, task, like, others).reindex(able).dropna()
            if len(found):
                lost.append(own[found.idxmin()])
    return float(np.mean(lost))


if __name__ == "__main__":
    main()
