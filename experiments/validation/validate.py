"""Evaluations that nogd's learners and other packages take to 1e-8 on standard functions: `python validate.py`.

It appends to runs.csv, one row a run, and leaves out what is there, so it can be stopped at any time; then it prints
the tables of README.md and draws its figure. `python validate.py --dimensions 2 10 --seeds 15 --only cma-es pycma`
makes some of the runs, `--seconds` ends it, `--tables` makes none. Needs nogd, nogd-evolution and, for the packages
compared with, cma, cmaes, crfmnes and evotorch (which need not have ray).
"""

from __future__ import annotations

import argparse
import csv
import itertools
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "plugins" / "nogd-evolution" / "tests")]

import torch  # noqa: E402
from driving import uniform  # noqa: E402
from peers import ALGORITHMS  # noqa: E402
from tables import report  # noqa: E402
from valleys import Landscape, cigar, ellipsoid, rastrigin, rosenbrock, rotated, sphere  # noqa: E402

FUNCTIONS = {
    "sphere": sphere,
    "ellipsoid": ellipsoid,
    "cigar": cigar,
    "rosenbrock": rosenbrock,
    "rastrigin": rastrigin,
}
TURNED = [f"rotated {name}" for name in FUNCTIONS if name != "sphere"]
COLUMNS = ("algorithm", "function", "D", "seed", "solved", "evaluations")
# An algorithm that has failed so often on a function, and never solved it, is not asked again.
FAILURES = 3
Case = tuple[str, str, int]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 10, 40])
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--only", nargs="+", default=list(ALGORITHMS), help="algorithms")
    parser.add_argument("--functions", nargs="+", default=[*FUNCTIONS, *TURNED])
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--tables", action="store_true", help="of what is there; make no runs")
    parser.add_argument("--out", type=Path, default=HERE)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if not given.tables:
        cases = [
            (algorithm, function, D)
            for D, function, algorithm in itertools.product(given.dimensions, given.functions, given.only)
        ]
        run_all(cases, given.seeds, given.out / "runs.csv", time.monotonic() + given.seconds)
    report(given.out)


def run_all(cases: list[Case], seeds: int, file: Path, deadline: float) -> None:
    """Make the runs that the file has not, seed by seed, and append each to it."""
    done = _read(file)
    with file.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        if not done:
            writer.writerow(COLUMNS)
        for seed, case in itertools.product(range(seeds), cases):
            if time.monotonic() > deadline:
                return
            runs = done.setdefault(case, {})
            if seed in runs or (len(runs) >= FAILURES and not any(runs.values())):
                continue
            runs[seed], count = run(case, seed)
            writer.writerow([*case, seed, int(runs[seed]), int(count)])
            stream.flush()


def run(case: Case, seed: int) -> tuple[bool, float]:
    """Whether the target was reached, and evaluations until then, or until the search ended."""
    algorithm, function, D = case
    return ALGORITHMS[algorithm](landscape_of(function, D), uniform(D, 4.0, seed), 3_000 * D, seed)


def landscape_of(function: str, D: int) -> Landscape:
    """By its name in the tables."""
    plain = FUNCTIONS[function.removeprefix("rotated ")]
    return rotated(plain, D) if function in TURNED else plain


def _read(file: Path) -> dict[Case, dict[int, bool]]:
    if not file.exists():
        return {}
    done: dict[Case, dict[int, bool]] = {}
    with file.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            case = row["algorithm"], row["function"], int(row["D"])
            done.setdefault(case, {})[int(row["seed"])] = row["solved"] == "1"
    return done


if __name__ == "__main__":
    main()
