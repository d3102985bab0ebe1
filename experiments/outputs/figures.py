"""Draw the figures of the page from its tables: `python experiments/outputs/figures.py`."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from nogd.report.drawing.canvas import house_style

HERE = Path(__file__).parent
NAMES = {
    "unit-search,surrogate=binary-cross-entropy": "unit-search",
    "random-features,surrogate=binary-cross-entropy": "random-features",
    "adam": "Adam, surrogate gradient",
}
SHOWN = {
    "unit-search": 0,
    "polystep": 1,
    "Adam, surrogate gradient": 2,
    "random-search": 3,
    "grid-search": 4,
}


def main() -> None:
    """The picture of the concept page: accuracy on the checkerboard by forward passes."""
    curves = pd.read_csv(HERE / "board.csv")
    curves["learner"] = curves["learner"].replace(NAMES)
    colours = sns.color_palette("colorblind")
    with house_style():
        figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
        for learner, colour in SHOWN.items():
            rows = curves[curves["learner"] == learner].sort_values("forwards")
            axes.plot(rows["forwards"], 100 * rows["median"], color=colours[colour], linewidth=2)
            axes.fill_between(
                rows["forwards"],
                100 * rows["lowest"],
                100 * rows["highest"],
                color=colours[colour],
                alpha=0.15,
            )
            last = rows.iloc[-1]
            axes.annotate(
                learner,
                (last["forwards"], 100 * last["median"]),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                color=colours[colour],
            )
        axes.set_xscale("log")
        axes.set_xlim(20, 6e5)
        axes.xaxis.set_major_locator(FixedLocator([100, 1_000, 10_000, 100_000]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(50, 101)
        axes.set_xlabel("forward passes, all arithmetic priced")
        axes.set_ylabel("training accuracy, %")
        axes.set_title("32 sign units on a checkerboard: no gradient", loc="left")
        sns.despine(ax=axes)
        figure.savefig(HERE / "board.svg", metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    main()
