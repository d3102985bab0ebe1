"""From a store of swing-up.toml to runs.csv, curves.csv, swing-up.svg: `python experiments/published/tables.py STORE`.

Without a store it draws the figure again. It prints the table of the page.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from nogd.report.drawing.canvas import house_style
from nogd.report.results import load_results

HERE = Path(__file__).parent
TASKS = {"swing-up": "easy", "swing-up,begin=anywhere": "hard"}
# evojax, scripts/benchmarks/Readme.md, commit f2e6806: after 64,000 candidates for pgpe and 100,000 for the others.
EVOJAX = {
    "pgpe": {"easy": 935.4268, "hard": 631.1020},
    "openai-es": {"easy": 929.4153, "hard": 604.6940},
    "sep-cma-es": {"easy": 924.3028, "hard": 626.9728},
    "ars": {"easy": 902.107, "hard": 666.6442},
}
KEPT = ["task", "learner", "repetition", "forwards", "metric", "validation_metric", "test_metric"]


def publish(store: str) -> None:
    """Keep what the page needs of the runs: their curves, and their returns where validation was best."""
    results = load_results(store)
    curves = results.curves[KEPT].replace({"task": TASKS}).round(1)
    curves.to_csv(HERE / "curves.csv", index=False)
    best = curves.loc[curves.groupby(["task", "learner", "repetition"])["validation_metric"].idxmax()]
    steps = results.runs.replace({"task": TASKS})[["task", "learner", "repetition", "status", "steps"]]
    best = best.rename(columns={"forwards": "best_at"}).merge(steps, on=["task", "learner", "repetition"])
    best.to_csv(HERE / "runs.csv", index=False)


def table(runs: pd.DataFrame) -> pd.DataFrame:
    """Published returns beside the mean and range of ours, and the ranks of both."""
    rows = []
    for (task, learner), group in runs.groupby(["task", "learner"]):
        found = group["test_metric"]
        rows.append(
            {
                "task": task,
                "learner": learner,
                "evojax": EVOJAX[learner.partition(",")[0]][task],
                "mean": found.mean(),
                "lowest": found.min(),
                "highest": found.max(),
                "starts": len(group),
            }
        )
    ranked = pd.DataFrame(rows)
    for column in ("evojax", "mean"):
        ranked[f"{column}_rank"] = ranked.groupby("task")[column].rank(ascending=False)
    return ranked.sort_values(["task", "evojax_rank"])


def draw(curves: pd.DataFrame) -> None:
    """Returns of held-out episodes by candidates, a panel a task; at its right edge what evojax publishes."""
    curves = curves[curves["forwards"] > 0].assign(name=curves["learner"].str.partition(",")[0])
    colours = dict(zip(EVOJAX, sns.color_palette("colorblind"), strict=False))
    with house_style():
        figure, panels = plt.subplots(1, 2, figsize=(8, 3), layout="constrained", sharey=True)
        for axes, task in zip(panels, TASKS.values(), strict=True):
            _draw_lines(axes, curves[curves["task"] == task], colours)
            for learner, scores in EVOJAX.items():
                axes.plot(1.03, scores[task], "<", color=colours[learner], **_at_the_edge(axes))
            axes.set(title=task, xlabel="candidates", ylabel="mean return", xlim=(0, None), ylim=(0, 1_000))
            sns.despine(ax=axes)
        panels[1].get_legend().remove()
        figure.savefig(HERE / "swing-up.svg", metadata={"Date": None})
        plt.close(figure)


def _draw_lines(axes: Axes, curves: pd.DataFrame, colours: dict[str, Any]) -> None:
    """A line for each start."""
    lines = {"x": "forwards", "y": "test_metric", "hue": "name", "units": "repetition"}
    sns.lineplot(curves, **lines, hue_order=list(EVOJAX), palette=colours, estimator=None, ax=axes)
    axes.legend(title=None, frameon=False, loc="upper left")


def _at_the_edge(axes: Axes) -> dict[str, Any]:
    """Where a mark lies that is placed by the width of its panel and the values of its y-axis."""
    return {"transform": axes.get_yaxis_transform(), "clip_on": False}


def main() -> None:
    """Publish the store that is named, if any; then print and draw."""
    for store in sys.argv[1:]:
        publish(store)
    print(table(pd.read_csv(HERE / "runs.csv")).round(1).to_string(index=False))
    draw(pd.read_csv(HERE / "curves.csv"))


if __name__ == "__main__":
    main()
