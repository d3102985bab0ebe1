"""Comparisons in every state that a user may get them into, each with all that figures can be drawn from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from picture_data import with_paths, with_pictures
from report_data import NO_GRADIENT, SKILL, make_results
from target_data import Measured, make_measured

from nogd.report.figure import Comparison

CROWD = [*SKILL, *(f"learner-{number:02}" for number in range(24))]
FIVE = ["iris", "wine", "two-spirals", "parity", "digits"]
SWEPT = [f"adam,lr={lr}" for lr in (0.001, 0.01, 0.1)]
RIGHT_TO_LEFT = "\u0645\u0631\u062d\u0628\u0627 \u202eabc"
HOSTILE = ["<script>alert(1)</script>", "x" * 200, RIGHT_TO_LEFT, "$\\frac{1}{0}$", "_a&b]]>"]


def _all(status: str) -> dict[tuple[str, str, int], str]:
    return {(name, task, 0): status for name in SKILL for task in FIVE}


def _full(*args: Any, **settings: Any) -> Measured:
    """Runs with targets, portraits and paths."""
    return with_paths(with_pictures(make_measured(*args, **settings)), "two-spirals")


def _counting(made: Measured) -> Measured:
    """The same with budgets that count iterations."""
    return replace(made, runs=made.runs.assign(budget=json.dumps({"forwards": 3000.0, "iterations": 40})))


def _swept() -> Measured:
    made = _full([*SWEPT, "sgd"], FIVE, 3)
    hyper = {name: json.dumps({"lr": float(name.partition("=")[2])}) for name in SWEPT}
    return replace(made, runs=made.runs.assign(hyper=made.runs["learner"].map(hyper).fillna("{}")))


def _broken_numbers() -> Measured:
    """Every number of some learners is NaN or infinite, in runs, curves, targets and pictures alike."""
    made = _full(["adam", "sgd", "hybrid", "grid-search"], FIVE, 3)
    runs, curves = made.runs.copy(), made.curves.copy()
    reached = made.reached.copy()
    kept = ["metric_greater", "has_split", "task_version", "repetition", "session", "threads"]
    measured = [name for name in runs.select_dtypes("number") if name not in kept]
    points = [name for name in curves.select_dtypes("number") if name != "repetition"]
    for learner, value in (("adam", np.nan), ("sgd", np.inf), ("hybrid", -np.inf)):
        runs.loc[runs["learner"] == learner, measured] = value
        curves.loc[curves["learner"] == learner, points] = value
        reached.loc[reached["learner"] == learner, ["forwards", "seconds", "flops"]] = np.nan
    plane = made.pictures["plane"]["two-spirals"]
    plane["losses"][::2] = np.inf
    plane["grid"][:] = np.nan
    return _counting(replace(made, runs=runs, curves=curves, reached=reached))


def _diverged(learners: Sequence[str]) -> Measured:
    """These learners end at numbers as large as diverged runs leave them, the others within one decade."""
    made = _full(["adam", "sgd", "random-search"], FIVE[:2], 3, dict.fromkeys(_cells(learners), "diverged"))
    runs, curves = made.runs.copy(), made.curves.copy()
    curves["loss"] = 2 + np.log10(curves["loss"].clip(lower=1e-3)) / 10
    late = curves["learner"].isin(learners) & (curves["forwards"] > 100)
    curves.loc[late, "loss"], curves.loc[late, "test_metric"] = 1e37, -1e37
    ended = runs["learner"].isin(learners)
    runs.loc[ended, ["loss", "test_loss"]], runs.loc[ended, "test_metric"] = 1e37, -1e37
    return replace(made, runs=runs, curves=curves)


def _cells(learners: Sequence[str]) -> list[tuple[str, str, int]]:
    return [(name, task, repetition) for name in learners for task in FIVE[:2] for repetition in range(3)]


def _unfinished() -> Measured:
    """Every third run is still missing."""
    made = _full(tasks=FIVE[:3], repetitions=3, meta={"missing": 18})
    there = made.runs.index % 3 != 1
    runs = made.runs[there].reset_index(drop=True)
    return replace(made, runs=runs, curves=made.curves[made.curves["id"].isin(runs["id"])])


def _hostile() -> Any:
    made = make_results(HOSTILE, [*HOSTILE, "wine"], 2)
    return with_paths(with_pictures(made, HOSTILE[0]), HOSTILE[1])


STATES: dict[str, Callable[[], Any]] = {
    "nothing": lambda: _full(repetitions=0),
    "one run": lambda: _counting(_full(["adam"], ["two-spirals"], 1)),
    "one task": lambda: _counting(_full(tasks=["two-spirals"], repetitions=3)),
    "one learner": lambda: _full(["grid-search"], FIVE, 2),
    "two learners": lambda: _full(["adam", "sgd"], FIVE, 2),
    "ten repetitions": lambda: _full(["adam", "sgd", "random-search"], FIVE, 10),
    "all failed": lambda: _full(tasks=FIVE, repetitions=1, failures=_all("diverged")),
    "all killed": lambda: _counting(_full(tasks=FIVE[:2], repetitions=1, failures=_all("killed"))),
    "diverged": lambda: _diverged(["sgd"]),
    "all diverged": lambda: _diverged(["adam", "sgd", "random-search"]),
    "unfinished": _unfinished,
    "nothing applicable": lambda: _full(["adam", "sgd"], sorted(NO_GRADIENT), 2),
    "no task in common": lambda: _full(["adam", "grid-search"], ["diabetes-ternary"], 2),
    "unequal cost": lambda: _full(tasks=FIVE[:3], repetitions=2, meta={"settings": {"unequal_cost": True}}),
    "no targets": lambda: make_results(tasks=["iris", "diabetes-ternary"], repetitions=2),
    "several values of one setting": _swept,
    "broken numbers": _broken_numbers,
    "thirty learners": lambda: _full(CROWD, FIVE, 2),
    "hostile names": _hostile,
}


@cache
def state(name: str) -> Comparison:
    """The comparison in a state; figures change nothing in it."""
    return Comparison.of(STATES[name]())
