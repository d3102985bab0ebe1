"""From evaluations.csv to summary.csv, a row a learner and task: `python experiments/control/tables.py`."""

from __future__ import annotations

from pathlib import Path

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
    """Evaluations of the starts that were solved; expected: all evaluations that were spent, by successes."""
    solved = group[group["solved"]]
    successes = solved["evaluations"]
    return {
        "task": key[0],
        "learner": key[1],
        "starts": len(group),
        "solved": len(solved),
        "median": successes.median(),
        "lowest": successes.min(),
        "highest": successes.max(),
        "expected": round(group["evaluations"].sum() / len(solved)) if len(solved) else None,
        "judged_median": solved["judged"].median(),
        "judged_lowest": solved["judged"].min(),
    }


if __name__ == "__main__":
    main()
