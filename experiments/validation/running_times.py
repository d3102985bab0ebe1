"""Expected running times of two algorithms on bbob, from the rows of bbob.csv: a table, a summary and a figure."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("agg")
mpl.rcParams["svg.hashsalt"] = "nogd"  # the same picture is the same file
from matplotlib import pyplot as plt  # noqa: E402

TARGETS = (10.0, 1.0, 1e-1, 1e-3, 1e-8)
OURS, THEIRS = "cma-es", "pycma"
# Successes of each that a ratio of expected running times is made of, at least: below, chance decides it.
ENOUGH = 5


def report(folder: Path) -> None:
    """Write bbob-times.csv, draw bbob.svg and print both tables."""
    times = expected(pd.read_csv(folder / "bbob.csv"))
    times.to_csv(folder / "bbob-times.csv", index=False)
    draw(times, folder / "bbob.svg")
    print(times.to_string(index=False))
    print(overall(times).to_string(index=False))


def expected(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a function and target: successes and expected running time of both, and our time over theirs.

    The expected running time is the evaluations of all runs, failed ones included, for each success.
    """
    rows = []
    for function, group in runs.groupby("function"):
        for target in TARGETS:
            row: dict[str, object] = {"function": function, "target": target}
            for name in (OURS, THEIRS):
                one = group[group["algorithm"] == name]
                reached = one[f"{target:g}"]
                hits, spent = int(reached.notna().sum()), float(reached.fillna(one["evaluations"]).sum())
                row |= {
                    f"runs {name}": len(one),
                    f"reached {name}": hits,
                    f"time {name}": round(spent / hits, 1) if hits else np.nan,
                }
            rows.append(row)
    table = pd.DataFrame(rows)
    table["ratio"] = (table[f"time {OURS}"] / table[f"time {THEIRS}"]).round(3)
    return table


def certain(times: pd.DataFrame) -> pd.DataFrame:
    """The rows whose ratio says something: each of the two reached the target often enough, at most half missing."""
    enough = np.minimum(times[f"reached {OURS}"], times[f"reached {THEIRS}"])
    most = np.maximum(times[f"runs {OURS}"], times[f"runs {THEIRS}"])
    return times[(enough >= ENOUGH) & (2 * enough >= most)]


def overall(times: pd.DataFrame) -> pd.DataFrame:
    """A row a target, and one for all: functions that reached it often enough, geometric means of their ratios."""
    sure = certain(times)
    parts = {f"{target:g}": sure[sure["target"] == target] for target in TARGETS} | {"all": sure}
    reached = [
        [int(part[f"reached {name}"].sum()) for name in (OURS, THEIRS)]
        for part in [*(times[times["target"] == target] for target in TARGETS), times]
    ]
    return pd.DataFrame(
        {
            "target": list(parts),
            "functions": [part["function"].nunique() for part in parts.values()],
            "mean ratio": [round(float(np.exp(np.log(part["ratio"]).mean())), 3) for part in parts.values()],
            "within 15 %": [int(part["ratio"].between(0.85, 1.15).sum()) for part in parts.values()],
            f"all successes {OURS}": [ours for ours, _ in reached],
            f"all successes {THEIRS}": [theirs for _, theirs in reached],
        }
    )


def draw(times: pd.DataFrame, file: Path) -> None:
    """Our expected running times over theirs, a column a function, a mark a target."""
    sure = certain(times)
    figure, axis = plt.subplots(figsize=(7.5, 3.2))
    axis.axhspan(0.85, 1.15, color="0.92")
    axis.axhline(1, color="0.6", linewidth=0.8)
    for place, (target, mark) in enumerate(zip(TARGETS, "osD^v", strict=True)):
        part = sure[sure["target"] == target]
        axis.plot(
            part["function"] + 0.12 * (place - 2), part["ratio"], mark, markersize=4, label=f"{target:g}"
        )
    axis.set_xticks(range(1, 25))
    axis.tick_params(labelsize=8)
    axis.set_yscale("log")
    axis.set_yticks([0.5, 0.7, 0.85, 1, 1.15, 1.4, 2], ["0.5", "0.7", "0.85", "1", "1.15", "1.4", "2"])
    axis.minorticks_off()
    axis.set_xlabel("function of bbob", fontsize=8)
    axis.set_ylabel(f"expected running time,\n{OURS} over {THEIRS}", fontsize=8)
    axis.legend(title="target", title_fontsize=8, fontsize=8, ncols=len(TARGETS), frameon=False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
