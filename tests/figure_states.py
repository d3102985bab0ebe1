"""Comparisons in every state that a user may get them into, each with all that figures can be drawn from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from picture_data import with_paths, with_pictures
from report_data import NO_GRADIENT, SKILL, TASKS, make_results
from target_data import Measured, make_measured

from nogd.report.figure import Comparison

CROWD = [*SKILL, *(f"learner-{number:02}" for number in range(24))]
FIVE = ["iris", "wine", "two-spirals", "parity", "digits"]
SWEPT = [f"adam,lr={lr}" for lr in (0.001, 0.01, 0.1)]
RIGHT_TO_LEFT = "\u0645\u0631\u062d\u0628\u0627 \u202eabc"
HOSTILE = ["<script>alert(1)</script>", "x" * 200, RIGHT_TO_LEFT, "$\\frac{1}{0}$", "_a&b]]>"]
ALL_FAIL = {(name, task, 0): "diverged" for name in SKILL for task in TASKS}


def _full(*args: Any, **settings: Any) -> Measured:
    """Runs with targets, portraits, paths, and budgets that count iterations."""
    made = with_paths(with_pictures(make_measured(*args, **settings)), "two-spirals")
    budget = json.dumps({"forwards": 3000.0, "iterations": 40})
    return replace(made, runs=made.runs.assign(budget=budget))


def _swept() -> Measured:
    made = _full([*SWEPT, "sgd"], FIVE, 3)
    hyper = {name: json.dumps({"lr": float(name.partition("=")[2])}) for name in SWEPT}
    return replace(made, runs=made.runs.assign(hyper=made.runs["learner"].map(hyper).fillna("{}")))


def _not_numbers() -> Measured:
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
    return replace(made, runs=runs, curves=curves, reached=reached)


def _unfinished() -> Measured:
    """Every third run is still missing."""
    made = _full(repetitions=3, meta={"missing": 60})
    there = made.runs.index % 3 != 1
    runs = made.runs[there].reset_index(drop=True)
    return replace(made, runs=runs, curves=made.curves[made.curves["id"].isin(runs["id"])])


def _hostile() -> Any:
    made = make_results(HOSTILE, [*HOSTILE, "wine"], 2)
    return with_paths(with_pictures(made, HOSTILE[0]), HOSTILE[1])


def _nothing_applicable() -> Measured:
    return _full(["adam", "sgd"], sorted(NO_GRADIENT), 2)


STATES: dict[str, Callable[[], Any]] = {
    "nothing": lambda: _full(repetitions=0),
    "one run": lambda: _full(["adam"], ["two-spirals"], 1),
    "one task": lambda: _full(tasks=["two-spirals"], repetitions=3),
    "one learner": lambda: _full(["grid-search"], repetitions=3),
    "two learners": lambda: _full(["adam", "sgd"], repetitions=2),
    "ten repetitions": lambda: _full(["adam", "sgd", "random-search"], FIVE, 10),
    "all failed": lambda: _full(repetitions=1, failures=ALL_FAIL),
    "all killed": lambda: _full(["grid-search"], FIVE, 1, {("grid-search", task, 0): "killed" for task in FIVE}),
    "unfinished": _unfinished,
    "nothing applicable": _nothing_applicable,
    "no task in common": lambda: _full(["adam", "grid-search"], ["diabetes-ternary"], 2),
    "unequal cost": lambda: _full(repetitions=2, meta={"settings": {"unequal_cost": True}}),
    "no targets": lambda: make_results(repetitions=2),
    "several values of one setting": _swept,
    "not numbers": _not_numbers,
    "thirty learners": lambda: _full(CROWD, FIVE, 2),
    "hostile names": _hostile,
}  # fmt: skip


@cache
def state(name: str) -> Comparison:
    """The comparison in a state; figures change nothing in it."""
    return Comparison.of(STATES[name]())
