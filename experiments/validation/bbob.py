"""`cma-es` beside pycma on the 24 functions of bbob in 10 dimensions: `python bbob.py`.

It appends to bbob.csv, one row a run, and leaves out what is there, so it can be stopped at any time; then it writes
bbob-times.csv, draws bbob.svg and prints a summary. `--instances 3` makes some of the runs, `--seconds` ends
it, `--tables` makes none. Needs nogd, nogd-evolution, cma and coco-experiment.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "plugins" / "nogd-evolution" / "tests")]

import torch  # noqa: E402
from driving import uniform  # noqa: E402
from peers import ALGORITHMS  # noqa: E402
from running_times import TARGETS, report  # noqa: E402
from torch import Tensor  # noqa: E402

D, MOST = 10, 20_000
NAMES = ("cma-es", "pycma")
COLUMNS = ("algorithm", "function", "instance", "evaluations", *(f"{target:g}" for target in TARGETS))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=15, help="of each function, from the first on")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--tables", action="store_true", help="of what is there; make no runs")
    parser.add_argument("--out", type=Path, default=HERE)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if not given.tables:
        run_all(given.instances, given.out / "bbob.csv", time.monotonic() + given.seconds)
    report(given.out)


def run_all(instances: int, file: Path, deadline: float) -> None:
    """Make the runs that the file has not, all functions of an instance before the next, and append each to it."""
    import cocoex

    done = _read(file)
    with file.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        if not done:
            writer.writerow(COLUMNS)
        for instance in range(1, instances + 1):
            suite = cocoex.Suite("bbob", "", f"dimensions:{D} instance_indices:{instance}")
            for problem in suite:
                for name in NAMES:
                    case = (name, str(problem.id_function), str(instance))
                    if time.monotonic() > deadline:
                        return
                    if case in done:
                        continue
                    writer.writerow([*case, *run(name, problem, instance)])
                    stream.flush()


def run(name: str, problem: Any, seed: int) -> list[int | str]:
    """Evaluations that were spent, then those until each target, empty where it was not reached."""
    watched = Watched(problem, lowest(problem))
    ALGORITHMS[name](watched, uniform(D, 4.0, seed), MOST, seed)
    return [watched.count, *(watched.reached.get(target, "") for target in TARGETS)]


@dataclass
class Watched:
    """A problem of bbob as a landscape, which notes when each target is reached, by the generation.

    floor: the lowest value there is. reached: evaluations until the loss was that much above it, or less.
    """

    problem: Any
    floor: float
    count: int = 0
    reached: dict[float, int] = field(default_factory=dict)

    def __call__(self, points: Tensor) -> Tensor:
        """Losses above the floor, `[P]`, of points `[P, D]`."""
        values = [float(self.problem(point)) - self.floor for point in points.numpy()]
        self.count += len(values)
        for target in TARGETS:
            if min(values) <= target:
                self.reached.setdefault(target, self.count)
        return torch.tensor(values, dtype=torch.float64)


def lowest(problem: Any) -> float:
    """The value at the optimum, which the library only writes down to a file in the current folder."""
    with _elsewhere():
        problem._best_parameter("print")
        numbers = Path("._bbob_problem_best_parameter.txt").read_text(encoding="utf-8").split()
    return float(problem([float(number) for number in numbers]))


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(here)


def _read(file: Path) -> set[tuple[str, str, str]]:
    if not file.exists():
        return set()
    with file.open(newline="", encoding="utf-8") as stream:
        return {(row["algorithm"], row["function"], row["instance"]) for row in csv.DictReader(stream)}


if __name__ == "__main__":
    main()
