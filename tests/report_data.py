"""Made-up results in exactly the columns that the store gives, for tests of the report."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

TASKS = {  # metric, greater is better, has a split, constant, reference, loss at the start
    "breast-cancer": ("accuracy", 1, 1, 0.63, 0.97, 3.1),
    "breast-cancer-sign": ("accuracy", 1, 1, 0.63, 0.93, 0.6),
    "diabetes": ("r2", 1, 1, -0.01, 0.46, 40.0),
    "diabetes-ternary": ("r2", 1, 1, -0.01, 0.38, 60.0),
    "digits": ("accuracy", 1, 1, 0.10, 0.95, 12.0),
    "iris": ("accuracy", 1, 1, 0.33, 0.96, 6.0),
    "original": ("mse", 0, 0, 5930.0, 2860.0, 29000.0),
    "parity": ("accuracy", 1, 0, 0.5, 0.8, 2.0),
    "two-spirals": ("accuracy", 1, 1, 0.5, 0.72, 5.0),
    "wine": ("accuracy", 1, 1, 0.4, 0.98, 8.0),
}
SKILL = {
    "adam": 1.0,
    "sgd": 0.85,
    "hybrid": 0.95,
    "grid-search": 0.8,
    "random-search": 0.45,
    "pattern-search": 0.75,
}
NO_GRADIENT = frozenset({"breast-cancer-sign", "diabetes-ternary"})
NEEDS_GRADIENT = frozenset({"adam", "sgd", "hybrid"})
BUDGET = 3000.0


@dataclass(frozen=True)
class Results:
    runs: pd.DataFrame
    curves: pd.DataFrame
    meta: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, Any] = field(default_factory=dict)


def make_results(
    learners: Sequence[str] = tuple(SKILL),
    tasks: Sequence[str] = tuple(TASKS),
    repetitions: int = 5,
    failures: Mapping[tuple[str, str, int], str] | None = None,
    not_applicable: bool = True,
    meta: Mapping[str, Any] | None = None,
) -> Results:
    """Results with every planned cell; `failures` maps (learner, task, repetition) to a status."""
    runs, curves = [], []
    for task in tasks:
        for repetition in range(repetitions):
            for learner in learners:
                status = (failures or {}).get((learner, task, repetition), "ok")
                if not_applicable and task in NO_GRADIENT and learner in NEEDS_GRADIENT:
                    status = "not-applicable"
                row, curve = _run(learner, task, repetition, status)
                runs.append(row)
                curves.append(curve)
    columns = [*_CURVE, "id", "learner", "task", "repetition"]
    some = any(len(curve["id"]) for curve in curves)
    points = {name: np.concatenate([curve[name] for curve in curves]) for name in columns} if some else None
    return Results(
        pd.DataFrame(runs, columns=None if runs else _run("x", "iris", 0, "ok")[0].keys()),
        pd.DataFrame(points, columns=columns),
        {"sessions": [SESSION], "settings": SETTINGS, "missing": 0, **(meta or {})},
    )


SETTINGS = {
    "reference": "adam",
    "baselines": ["random-search", "sgd", "adam"],
    "repetitions": 5,
    "unequal_cost": False,
}
SESSION = {
    "machine": "x86_64",
    "cpu": "Example CPU 3000",
    "cores": 2,
    "memory": "8 GB",
    "python": "3.11.2",
    "versions": {"torch": "2.13.0", "numpy": "2.4.6", "nogd": "0.1.0"},
    "git": "0123abc",
    "command": "nogd run --all",
}
TRACEBACK = "Traceback (most recent call last):\n  in <module>\nValueError: bad <luck>"
_CURVE = [
    "forwards", "evaluations", "gradients", "examples", "flops", "seconds", "iteration", "phase", "loss", "metric",
    "validation_loss", "validation_metric", "test_loss", "test_metric",
]  # fmt: skip


def _run(learner: str, task: str, repetition: int, status: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row of `runs`, and what it adds to each column of `curves`."""
    metric, greater, split, constant, reference, start = TASKS.get(task, ("accuracy", 1, 1, 0.5, 0.9, 3.0))
    rng = np.random.default_rng(abs(sum(map(ord, f"{learner}{task}{repetition}"))))
    identity = f"{learner}/{task}/{repetition}"
    forwards = np.unique(np.round(np.geomspace(1, BUDGET, 40)))
    skill = SKILL.get(learner, 0.6) + 0.06 * rng.normal()
    progress = skill * (1 - np.exp(-forwards / (BUDGET * rng.uniform(0.05, 0.3))))
    start *= 1 + 0.3 * (repetition % 5)
    loss = start * 10 ** (-1.7 * progress) * (1 + 0.02 * rng.random(len(forwards)))
    value = constant + (reference - constant) * (progress * 1.8 - 0.8)
    if status == "not-applicable":
        forwards = forwards[:0]
    if status in {"error", "killed", "timeout"}:
        forwards = forwards[: 1 + repetition * 4]
    size = len(forwards)
    curve: dict[str, Any] = {name: np.full(size, np.nan) for name in _CURVE}
    curve |= {"forwards": forwards, "loss": loss[:size], "metric": value[:size]}
    spent = forwards / BUDGET
    curve |= {"seconds": 0.1 * spent / SKILL.get(learner, 0.6), "flops": 1e9 * spent}
    curve |= {"phase": np.zeros(size, dtype=int), "iteration": np.arange(size)}
    if split:
        curve |= {"test_metric": value[:size], "test_loss": loss[:size] * 1.1}
    named = {"id": identity, "learner": learner, "task": task}
    curve |= {name: np.full(size, same, dtype=object) for name, same in named.items()}
    curve["repetition"] = np.full(size, repetition)
    ended = status not in {"not-applicable", "error", "killed", "timeout"}
    last = {name: values[-1] for name, values in curve.items()} if ended else {}
    reasons = {"not-applicable": "needs a gradient, and the task has none", "error": "ValueError: bad <luck>"}
    row = {
        "id": identity, "learner": learner, "learner_name": learner.split(",", maxsplit=1)[0], "package": "nogd",
        "version": "0.1.0", "hyper": "{}", "task": task, "task_version": 1, "repetition": repetition,
        "status": status, "reason": reasons.get(status, "" if status == "ok" else f"ended as {status}"),
        "traceback": TRACEBACK if status == "error" else "",
        "loss": last.get("loss", np.nan), "best_loss": last.get("loss", np.nan),
        "metric": last.get("metric", np.nan), "validation_loss": np.nan, "validation_metric": np.nan,
        "test_loss": last.get("test_loss", np.nan), "test_metric": last.get("test_metric", np.nan),
        "metric_name": metric, "metric_greater": greater, "has_split": split, "constant": constant,
        "reference": reference, "forwards": float(forwards[-1]) if size else 0.0,
        "evaluations": 1000.0, "gradients": 0.0, "examples": 1e6, "flops": 1e9,
        "seconds": 0.8 * rng.uniform(0.8, 1.2), "cpu_seconds": 0.8, "overhead_seconds": 0.1, "measure_seconds": 0.05,
        "memory_mb": 200.0, "gradient_cost": 2.32, "start_loss": start, "threads": 1, "device": "cpu",
        "budget": json.dumps({"forwards": BUDGET}), "started": "2026-01-01T00:00:00", "finished": "2026-01-01T00:00:01",
        "session": 1,
    }  # fmt: skip
    return row, curve


def tables_of(page: str) -> dict[str, str]:
    """What the page offers as CSV, by key."""
    packed = re.search(r'id="tables">(.*?)</script>', page)
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))
