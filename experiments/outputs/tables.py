"""From the stores of the runs to the tables of the page: `python experiments/outputs/tables.py STORE...`.

Rows of learners and tasks that the stores hold replace those in the tables, but for rows of more runs; the others stay.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from nogd.report.results import load_results

HERE = Path(__file__).parent
BOARDS = ("sign-board", "sign-board-surrogate")
POINT = ["learner", "forwards", "median", "lowest", "highest"]


def main() -> None:
    """Renew table.csv, a row a learner and task, and board.csv, the curves of the checkerboard."""
    runs, curves = [], []
    for store in sys.argv[1:]:
        results = load_results(store)
        runs.append(results.runs[results.runs["status"] != "not-applicable"])
        curves.append(results.curves)
    all_runs, all_curves = (pd.concat(tables, ignore_index=True) for tables in (runs, curves))
    table = pd.DataFrame(_rows(all_runs, all_curves))
    _renew("table.csv", table, ["task", "learner"])
    _renew("board.csv", pd.DataFrame(_board(all_curves), columns=POINT), ["learner"])
    print(table.to_string(index=False))


def _renew(file: str, rows: pd.DataFrame, key: list[str]) -> None:
    """Replace what the table holds under the same keys, but for rows of more runs."""
    kept, found = pd.read_csv(HERE / file).set_index(key), rows.set_index(key)
    if "runs" in found:
        more = kept["runs"].reindex(found.index) > found["runs"]
        found = found[~more]
    pd.concat([kept[~kept.index.isin(found.index)], found]).sort_index(kind="stable").to_csv(HERE / file)


def _rows(runs: pd.DataFrame, curves: pd.DataFrame) -> list[dict[str, object]]:
    rows = []
    for (task, learner, budget), group in runs.groupby(["task", "learner", "budget"]):
        own = curves[curves["id"].isin(group["id"])]
        best = [test_at_best_validation(curve) for _, curve in own.groupby("id")]
        rows.append(
            {
                "task": task,
                "learner": learner,
                "runs": len(group),
                "failed": int(group["status"].isin(["error", "diverged", "timeout", "killed"]).sum()),
                "train": group["metric"].median().round(4),
                "train_lowest": group["metric"].min().round(4),
                "test": group["test_metric"].median().round(4),
                "test_at_best_validation": round(float(np.median(best)), 4) if best else None,
                "lowest": round(float(np.min(best)), 4) if best else None,
                "highest": round(float(np.max(best)), 4) if best else None,
                "forwards": group["forwards"].median().round(0),
                "seconds": group["seconds"].median().round(1),
                "budget": budget,
            }
        )
    return rows


def test_at_best_validation(curve: pd.DataFrame) -> float:
    """The test metric where the validation metric is best, the earliest of equal ones; the best without a split."""
    known = curve[curve["validation_metric"].notna()].sort_values("forwards")
    if known.empty:  # a task without a split
        return float(curve["metric"].max())
    return float(known.loc[known["validation_metric"].astype(float).idxmax(), "test_metric"])


def _board(curves: pd.DataFrame) -> list[dict[str, object]]:
    """Median, lowest and highest best-so-far training accuracy at each point of the grid."""
    own = curves[curves["task"].isin(BOARDS)].copy()
    own["best"] = own.sort_values("forwards").groupby("id")["metric"].cummax()
    rows = []
    for learner, group in own.groupby("learner"):
        wide = group.pivot_table(index="forwards", columns="id", values="best").sort_index().ffill()
        for forwards, values in wide.iterrows():
            if values.notna().all():
                rows.append(
                    {
                        "learner": learner,
                        "forwards": round(float(forwards), 2),
                        "median": round(float(values.median()), 4),
                        "lowest": round(float(values.min()), 4),
                        "highest": round(float(values.max()), 4),
                    }
                )
    return rows


if __name__ == "__main__":
    main()
