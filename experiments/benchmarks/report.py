"""How long the report of 1,000 runs takes: `python experiments/benchmarks/report.py`; writes report.csv.

A made-up store of 10 learners on the 10 built-in tasks with 10 repetitions, curves of 43 points and traces of 400
improvements. Each figure is in seconds of the processor, not of the wall clock: statistics and drawing run in one
thread, and the machine may be busy with other things.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from common import Row, row, write

from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.record import Record
from nogd.bench.store import Store
from nogd.plugins.manager import PluginSettings, configure, plugins
from nogd.report.figure import Comparison
from nogd.report.forms.page import render
from nogd.report.forms.sections import draw_sections
from nogd.report.numbers.leaderboard import other_boards
from nogd.report.results import Results, load_results

LEARNERS = ("adam", "sgd", "random-search", "grid-search", "hybrid", *(f"learner-{n}" for n in range(1, 6)))
TAKES_NO_GRADIENT = ("random-search", "grid-search", "learner-1", "learner-2")
REPETITIONS, ROUNDS = 10, 3
BUDGET = 3000.0
GRID = np.unique(np.round(np.geomspace(1, BUDGET, 43)))
FIRST = {"scores", "task-table"}
"""What stands on the first screen beside the leaderboard, and the table under it."""


@dataclass(frozen=True)
class Shape:
    """How large a made-up store is; tasks beyond the built-in ones are copies of these by another name."""

    learners: int = len(LEARNERS)
    tasks: int = 10
    repetitions: int = REPETITIONS


def main() -> None:
    """Make the store, measure, and write the figures."""
    configure(PluginSettings(thirdparty=False))
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), Shape())
        _page(load_results(folder))  # imports and fonts are not what is measured
        write("report", list(_rows(Path(folder))))


def _rows(folder: Path) -> list[Row]:
    seconds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        results = _timed(seconds, "load", partial(load_results, folder))
        _timed(seconds, "leaderboards, tables and first picture", partial(_first_screen, results))
        _timed(seconds, "the whole page", partial(_page, results))
    goals = {"leaderboards, tables and first picture": "at most 10", "the whole page": "at most 30"}
    rows = [row(what, values, "s", goals.get(what, "")) for what, values in seconds.items()]
    return rows + [row(f"figure {name}", values, "s") for name, values in _each(load_results(folder)).items()]


def _timed(seconds: dict[str, list[float]], what: str, job: Callable[[], Any]) -> Any:
    started = time.process_time()
    answer = job()
    seconds.setdefault(what, []).append(time.process_time() - started)
    return answer


def _page(results: Results) -> None:
    render(Comparison.of(results), plugins().figures)


def _first_screen(results: Results) -> None:
    comparison = Comparison.of(results)
    other_boards(comparison)
    draw_sections(comparison, [entry for entry in plugins().figures if entry.name in FIRST])


def _each(results: Results) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {}
    comparison = Comparison.of(results)
    _ = comparison.board
    for entry in plugins().figures:
        _timed(seconds, entry.name, partial(draw_sections, comparison, [entry]))
    return seconds


def fill(folder: Path, shape: Shape) -> None:
    """Write a store of this shape into a folder."""
    frozen = json.loads(files("nogd.tasks").joinpath("reference.json").read_text(encoding="utf-8"))
    copies = product(range(-(-shape.tasks // len(frozen))), frozen.items())
    tasks = {f"{task}-{copy}" if copy else task: entry for copy, (task, entry) in copies}
    learners = [*LEARNERS, *(f"learner-{place}" for place in range(len(LEARNERS) - 4, shape.learners))]
    store, rng = Store(folder, create=True), np.random.default_rng(0)
    settings = {"reference": "adam", "baselines": ["random-search", "sgd", "adam"]}
    store.begin_session("2026-01-01T00:00:00", {"machine": "made up"}, settings)
    some = dict(list(tasks.items())[: shape.tasks])
    store.freeze((task, entry["version"], entry, None) for task, entry in some.items())
    for task, entry in some.items():
        for place, learner in enumerate(learners[: shape.learners]):
            able = entry["learner"] == "adam" or learner in TAKES_NO_GRADIENT
            for repetition in range(shape.repetitions):
                store.add(_run(task, entry, learner, place % len(LEARNERS), repetition, able, rng))
    store.close()


def _run(
    task: str,
    entry: dict[str, Any],
    learner: str,
    place: int,
    repetition: int,
    able: bool,
    rng: np.random.Generator,
) -> Record:
    row = {
        "id": f"{task}/{learner}/{repetition}", "learner": learner, "learner_name": learner, "package": "nogd",
        "version": "0", "hyper": "{}", "task": task, "task_package": "nogd", "task_version": entry["version"],
        "repetition": repetition, "metric_name": entry["metric"], "metric_greater": 1, "threads": 1, "device": "cpu",
        "has_split": int(entry["measured_on"] == "test"), "constant": entry["constant"], "session": 1,
        "reference": entry["test_metric"], "budget": json.dumps({"forwards": BUDGET}), "gradient_cost": 2.3,
    }  # fmt: skip
    if not able:
        return Record(
            row["id"], row | {"status": "not-applicable", "reason": "needs a gradient"}, np.empty((0, 14))
        )
    last = entry["targets"][-1]["loss"]
    start = 30 * last * (1 + 0.1 * repetition % 0.5)
    speed = rng.uniform(0.4, 1.2) / (1 + 0.2 * place)
    curve = np.full((len(GRID), len(CURVE_COLUMNS)), np.nan)
    value = entry["constant"] + (entry["test_metric"] - entry["constant"]) * speed * np.log10(GRID) / 3
    figures = _ledgers(GRID) | {"loss": start * GRID**-speed, "metric": value + 0.02, "test_metric": value}
    figures |= {"validation_loss": figures["loss"], "test_loss": figures["loss"], "phase": 0 * GRID}
    for name, values in figures.items():
        curve[:, CURVE_COLUMNS.index(name)] = values
    cost = np.sort(rng.uniform(1, BUDGET, 400))
    paid = _ledgers(cost)
    trace = np.stack([cost, cost, paid["flops"], paid["seconds"], start * cost**-speed], axis=1)
    ends = {name: float(values[-1]) for name, values in figures.items() if name != "phase"}
    row |= ends | {
        "status": "budget",
        "start_loss": start,
        "best_loss": ends["loss"],
        "overhead_seconds": 0.1,
    }
    row |= {"measure_seconds": 0.05, "cpu_seconds": 0.8, "memory_mb": 300.0, "gradients": 0}
    return Record(row["id"], row, curve, trace)


def _ledgers(cost: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    ones = dict.fromkeys(("forwards", "evaluations", "examples", "iteration"), cost)
    return ones | {"gradients": 0 * cost, "flops": 1e5 * cost, "seconds": cost / 3000}


if __name__ == "__main__":
    main()
