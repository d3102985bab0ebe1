"""How many operations of torch a step of each learner takes beside scoring, on digits: `python calls.py [LEARNER ...]`.

Counted below the API, where one call may be several, in the median of the last 15 of 30 steps; a step that asks the
objective nothing counts with the next. The counts are the same on every machine, whatever else runs there. Writes
calls.csv, a row a learner: operations and candidates of a step, and what the operations may cost at most for 10 % of
scoring, in microseconds each, where a candidate takes 79. Learners that refuse the task have no row; those that are
named replace theirs, the others' stay.
"""

from __future__ import annotations

import csv
import statistics
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

import nogd
from nogd.bench.plan import usable
from nogd.engine.making import make_network
from nogd.engine.space import ParameterSpace
from nogd.plugins.manager import plugins
from nogd.training.learner import refusal
from nogd.training.names import build

TABLE = Path(__file__).resolve().with_name("calls.csv")
STEPS, COUNTED, CANDIDATE, SHARE = 30, 15, 79.0, 0.1
ASKED = ("losses", "outputs", "activations", "gradient", "directional", "curvature", "gram", "readout", "readout_unit",
         "unit_view", "losses_of", "batch", "walk")  # fmt: skip


class Operations(TorchDispatchMode):
    """Counts operations, but for those while the objective answers."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.count, self.answering = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not self.answering
        return func(*args, **(kwargs or {}))

    def beside(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, uncounted."""

        def answer(*given: Any, **named: Any) -> Any:
            self.answering += 1
            try:
                return call(*given, **named)
            finally:
                self.answering -= 1

        return answer


def counted(name: str) -> tuple[float, float] | None:
    """Operations and candidates of a step; None if the learner refuses the task or does no such steps."""
    problem = plugins().tasks.find("digits").load()().problem(0)
    space = ParameterSpace(problem.module, problem.bounds)
    train = problem.train
    network = make_network(problem.module, train.inputs, train.targets, problem.loss, space)
    objective, learner = nogd.Objective(network), build(name)
    if refusal(learner, objective) is not None:
        return None
    mode = Operations()
    for each in ASKED:
        setattr(objective, each, mode.beside(getattr(objective, each)))
    steps = list(_steps(mode, objective, learner, space.read(problem.module)))[-COUNTED:]
    if not steps:
        return None
    return statistics.median(each for each, _ in steps), statistics.median(each for _, each in steps)


def _steps(
    mode: Operations, objective: nogd.Objective, learner: nogd.Learner, theta: torch.Tensor
) -> Iterator[tuple[int, int]]:
    state = learner.init(objective, theta, torch.Generator().manual_seed(0))
    before = mode.count, objective.meter.evaluations
    for _ in range(STEPS):
        with mode:
            learner.step(objective, state)
        now = mode.count, objective.meter.evaluations
        if now[1] > before[1]:
            yield now[0] - before[0], now[1] - before[1]
            before = now
        if state.finished:
            return


def _kept() -> dict[str, tuple[float, float]]:
    with TABLE.open(newline="", encoding="utf-8") as stream:
        return {
            row["learner"]: (float(row["operations"]), float(row["candidates"]))
            for row in csv.DictReader(stream)
        }


def main() -> None:
    """Count, write and print. The last column of rows that stay is computed anew."""
    warnings.simplefilter("ignore", nogd.NogdWarning)
    names = sys.argv[1:] or [name for name in usable(plugins().learners) if name != "qes"]
    found = _kept() if sys.argv[1:] else {}
    found |= {name: counts for name in names if (counts := counted(name))}
    rows = [
        (
            name,
            f"{operations:g}",
            f"{candidates:g}",
            round(SHARE * CANDIDATE * candidates / max(operations, 1), 1),
        )
        for name, (operations, candidates) in found.items()
    ]
    with TABLE.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("learner", "operations", "candidates", "microseconds each"))
        writer.writerows(sorted(rows, key=lambda row: row[3]))
    print(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
