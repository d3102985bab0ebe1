"""From evaluations.csv to summary.csv, a row a learner and task: `python experiments/control/tables.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def main() -> None:
    """Write summary.csv, and print it."""
    rows = pd.read_csv(HERE / "evaluations.csv")
    table = pd.DataFrame([_row(key, group) for key, group in rows.groupby(["task", "learner"])])
    table = table.sort_values(["task", "solved", "median"], ascending=[True, False, True])
    table.to_csv(HERE / "summary.csv", index=False)
    print(table.to_string(index=False))


def _row(key: tuple[str, str], group: pd.DataFrame) -> dict[str, object]:
    """Evaluations of the starts that were solved; expected: all evaluations that were spent, by successes.

    Quartiles are those of all starts, of which the others come last: infinite where too many failed.
    """
    solved = group[group["solved"]]
    successes = solved["evaluations"]
    needed = group["evaluations"].where(group["solved"], np.inf)
    with np.errstate(invalid="ignore"):  # between two infinities
        quartiles = needed.quantile([0.25, 0.5, 0.75]).fillna(np.inf)
    return {
        "task": key[0],
        "learner": key[1],
        "starts": len(group),
        "solved": len(solved),
        "median": successes.median(),
        "lowest": successes.min(),
        "highest": successes.max(),
        **dict(zip(("quarter", "half", "three_quarters"), quartiles, strict=True)),
        "expected": round(group["evaluations"].sum() / len(solved)) if len(solved) else None,
        "judged_median": solved["judged"].median(),
        "judged_lowest": solved["judged"].min(),
    }


if __name__ == "__main__":
    main()
