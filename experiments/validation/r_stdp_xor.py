"""Florian's exclusive or in rates by `r-stdp`: `python r_stdp_xor.py [--seeds 10] [--memory 25 0]`.

60 inputs, 60 hidden neurons and one output, 200 epochs of the four patterns, 500 ms each, as in section 4.2 of Florian
2007, doi 10.1162/neco.2007.19.6.1468. Each pattern is drawn anew each time. A network has learnt if the output's rate
for (1, 1) is below those of both patterns that are to make it fire; for (0, 0) nothing can. The rates are those of 10
new draws of each pattern, with weights that stay as they are. Appends to r_stdp_xor.csv, a row a run, and leaves out
what is there; then it prints how many have learnt, before and after. A run takes half a minute. Needs nogd and
nogd-local-rules.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import pandas as pd
import torch
from nogd_local_rules.r_stdp import RStdp
from nogd_local_rules.spiking import SpikingNetwork, rate_coded_xor

import nogd

TABLE = Path(__file__).resolve().with_name("r_stdp_xor.csv")
PATTERNS = ("00", "01", "10", "11")
COLUMNS = (
    "memory",
    "seed",
    "epochs",
    *(f"{when} {each}" for when in ("before", "after") for each in PATTERNS),
)
EPOCHS, HERTZ = 200, 200  # an output of 1 is so many


def main() -> None:
    """Make the runs that are missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--memory", type=float, nargs="+", default=[25.0, 0.0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, default=TABLE)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for memory in given.memory:
        for seed in range(given.seeds):
            if (memory, seed, given.epochs) not in done(given.out):
                append(given.out, [memory, seed, given.epochs, *run(memory, seed, given.epochs)])
    print(learnt(pd.read_csv(given.out)).to_string(index=False))


def run(memory: float, seed: int, epochs: int) -> list[float]:
    """Rates in Hz for the four patterns, before and after."""
    torch.manual_seed(seed)
    network = SpikingNetwork(60, 60, 1)
    trains, targets = rate_coded_xor(epochs, seed=seed)
    before = rates(network, seed)
    nogd.fit(
        network, trains, targets, learner=RStdp(memory=memory), bounds=(-5.0, 5.0), budget=3.0001, seed=seed
    )
    return before + rates(network, seed)


@torch.no_grad()
def rates(network: SpikingNetwork, seed: int) -> list[float]:
    """Mean rates in Hz of 10 new draws of each pattern."""
    trains, _ = rate_coded_xor(10, seed=1_000_000 + seed)
    found = HERTZ * network(trains).reshape(-1, len(PATTERNS)).mean(0)
    return [round(each, 1) for each in found.tolist()]


def done(file: Path) -> set[tuple[float, int, int]]:
    """Memory, seed and epochs of the runs that are there."""
    if not file.exists():
        return set()
    table = pd.read_csv(file)
    return set(zip(table["memory"], table["seed"], table["epochs"], strict=True))


def append(file: Path, row: list[float]) -> None:
    """Add a run to the table."""
    new = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        if new:
            writer.writerow(COLUMNS)
        writer.writerow(row)


def learnt(table: pd.DataFrame) -> pd.DataFrame:
    """How many of the runs tell the patterns apart, before and after."""
    found = table[["memory", "epochs"]].assign(runs=1)
    for when in ("before", "after"):
        lowest = table[[f"{when} 01", f"{when} 10"]].min(axis=1)
        found[when] = (table[f"{when} 11"] < lowest).astype(int)
    return found.groupby(["memory", "epochs"], as_index=False).sum()


if __name__ == "__main__":
    main()
