"""From runs to the tables and the figure of README.md."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from peers import PAIRS

mpl.use("agg")
mpl.rcParams["svg.hashsalt"] = "nogd"  # the same picture is the same file


def report(folder: Path) -> None:
    """Print the tables of the runs in this folder, and write summary.csv, pairs.csv and pairs.svg beside them."""
    table = summary(pd.read_csv(folder / "runs.csv"))
    table.to_csv(folder / "summary.csv", index=False)
    compared = pairs(table)
    compared.to_csv(folder / "pairs.csv", index=False)
    print(compared.to_string(index=False))
    if len(compared):
        draw(compared, folder / "pairs.svg")


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """One row an algorithm, function and dimension: share of successes, evaluations of those, expected running time.

    The latter is the evaluations of all runs, failed ones included, for each success.
    """
    groups = runs.groupby(["algorithm", "function", "D"], sort=False)
    solved = runs[runs["solved"] == 1].groupby(["algorithm", "function", "D"], sort=False)["evaluations"]
    table = pd.DataFrame({"runs": groups.size(), "solved": groups["solved"].sum()})
    for name, share in (("median", 0.5), ("lower_quartile", 0.25), ("upper_quartile", 0.75)):
        table[name] = solved.quantile(share).round(1)
    table["expected"] = (groups["evaluations"].sum() / table["solved"]).where(table["solved"] > 0).round(1)
    return table.reset_index()


def pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Each learner beside the package's: medians, their ratio, and successes of both; without those not run."""
    found = [both for ours, theirs in PAIRS if len(both := _pair(table, ours, theirs))]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _pair(table: pd.DataFrame, ours: str, theirs: str) -> pd.DataFrame:
    left, right = (table[table["algorithm"] == name].set_index(["function", "D"]) for name in (ours, theirs))
    both = left.add_suffix("_ours").join(right.add_suffix("_theirs"), how="inner")
    columns = {
        "learner": ours,
        "beside": theirs,
        "solved": _of(both, "ours"),
        "solved_beside": _of(both, "theirs"),
        "median": both["median_ours"],
        "median_beside": both["median_theirs"],
        "ratio": (both["median_ours"] / both["median_theirs"]).round(3),
        "expected": both["expected_ours"],
        "expected_beside": both["expected_theirs"],
    }
    return pd.DataFrame(columns, index=both.index).reset_index()


def _of(both: pd.DataFrame, side: str) -> pd.Series:
    return both[f"solved_{side}"].astype(str) + " of " + both[f"runs_{side}"].astype(str)


def draw(compared: pd.DataFrame, file: Path) -> None:
    """Ratios of medians, a row a function, a colour a dimension; between the lines they agree within 15 %."""
    names = list(dict.fromkeys(zip(compared["learner"], compared["beside"], strict=True)))
    functions = list(dict.fromkeys(compared["function"]))[::-1]
    figure, axes = plt.subplots(
        1, len(names), figsize=(2.1 * len(names) + 1, 3.6), sharex=True, sharey=True, squeeze=False
    )
    for axis, (ours, theirs) in zip(axes[0], names, strict=True):
        part = compared[(compared["learner"] == ours) & (compared["beside"] == theirs)]
        axis.axvspan(0.85, 1.15, color="0.92")
        axis.axvline(1, color="0.6", linewidth=0.8)
        for place, (D, group) in enumerate(part.groupby("D")):
            rows = [functions.index(function) + 0.2 * (1 - place) for function in group["function"]]
            axis.plot(group["ratio"], rows, "o^s"[place % 3], markersize=4, label=f"D = {D}")
        axis.set_title(f"{ours}\nbeside {theirs}", fontsize=8)
        axis.set_yticks(range(len(functions)), functions, fontsize=8)
        axis.tick_params(axis="x", labelsize=7)
    axes[0, 0].set_xlim(0.5, 1.6)
    axes[0, 0].legend(fontsize=7, loc="lower left")
    figure.supxlabel("median evaluations to 1e-8, of nogd's learner over the other's", fontsize=8)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
