"""How much each learner depends on its main hyper-parameter: `python sensitivity.py [LEARNER ...]`.

Two tuning tasks, 2 repetitions of 1,000 forwards for each value; runs that are stored in nogd-runs are not done again.
Writes sensitivity.csv and, for each package, a picture with a panel a learner: sensitivity.svg in the package's folder,
for nogd itself beside this file. Learners that are named replace their rows alone; `--draw` makes no runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from settings import Setting, learners, settings_of
from tasks import Circles, Friedman2

import nogd

mpl.use("agg")
mpl.rcParams["svg.hashsalt"] = "nogd"  # the same picture is the same file
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402

HERE = Path(__file__).resolve().parent
TABLE = HERE / "sensitivity.csv"
FORWARDS, REPETITIONS = 1_000, 2
# Colours that the colour-blind tell apart (Okabe and Ito).
COLOURS = {"friedman-2": "#0072b2", "circles": "#d55e00"}
COLUMNS = 4


def main() -> None:
    """Make the runs that are missing, and the table and pictures from it."""
    named = [name for name in sys.argv[1:] if not name.startswith("--")]
    if "--draw" not in sys.argv:
        found = measured([setting for name in named or learners() for setting in settings_of(name)])
        if named:
            before = pd.read_csv(TABLE)
            found = pd.concat([before[~before["learner"].isin(named)], found], ignore_index=True)
        found.round(5).to_csv(TABLE, index=False)
    for package, table in pd.read_csv(TABLE).groupby("package"):
        draw(table, picture_of(str(package)))


def measured(settings: list[Setting]) -> pd.DataFrame:
    """Medians over repetitions: a row a value and task, none where the learner refuses the task."""
    results = nogd.run(
        learners=[{"use": each.use, "label": _label(each)} for each in settings],
        tasks=[Friedman2, Circles],
        repetitions=REPETITIONS,
        budget={"forwards": FORWARDS},
        keep_thetas=False,
        out=HERE / "nogd-runs",
        jobs=1,
    )
    lowest = results.curves.groupby("id")["validation_loss"].min().rename("lowest_validation_loss")
    runs = results.runs.merge(lowest, on="id", how="left")
    runs["failed"] = runs["status"].isin(["diverged", "error", "timeout", "killed"])
    runs = runs[runs["status"] != "not-applicable"]
    columns = {"package": "first", "lowest_validation_loss": "median", "failed": "sum"}
    by_label = runs.groupby(["learner", "task"]).agg(columns)
    rows = [
        {"package": each.package, "learner": setting.learner, "hyper_parameter": setting.name}
        | {"value": setting.value, "is_default": setting.is_default, "task": task}
        | {"lowest_validation_loss": each.lowest_validation_loss, "failed": each.failed}
        for setting in settings
        for task in COLOURS
        if (_label(setting), task) in by_label.index
        for each in [by_label.loc[(_label(setting), task)]]
    ]
    return pd.DataFrame(rows)


def _label(setting: Setting) -> str:
    return f"{setting.learner},{setting.name}={setting.value:g}"


def picture_of(package: str) -> Path:
    """Where a package's picture is."""
    folder = HERE.parents[1] / "plugins" / package
    return folder / "sensitivity.svg" if folder.is_dir() else HERE / f"sensitivity-{package}.svg"


def draw(table: pd.DataFrame, file: Path) -> None:
    """A panel a learner: lowest validation loss over the hyper-parameter, both on logarithmic scales."""
    names = list(dict.fromkeys(table["learner"]))
    rows, columns = -(-len(names) // COLUMNS), min(COLUMNS, len(names))
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.3 * columns + 0.3, 1.75 * rows + 0.5), squeeze=False
    )
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, names, strict=False):
        _panel(axis, table[table["learner"] == name])
    lines = [plt.Line2D([], [], color=colour, marker="o", markersize=3) for colour in COLOURS.values()]
    figure.legend(lines, COLOURS, loc="upper left", fontsize=8, ncols=len(COLOURS), frameon=False)
    figure.supylabel("lowest validation loss", fontsize=8)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.25 / figure.get_figheight()))
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def _panel(axis: Axes, table: pd.DataFrame) -> None:
    for task, part in table.groupby("task"):
        axis.plot(part["value"], part["lowest_validation_loss"], "o-", color=COLOURS[str(task)], ms=3, lw=1.2)
    default = table[table["is_default"]]["value"].iloc[0]
    axis.axvline(default, color="0.7", lw=0.8, zorder=0)
    axis.set(xscale="log", yscale="log")
    values = sorted(set(table["value"]))
    axis.set_xticks(values, [f"{value:g}" for value in values])
    losses = table["lowest_validation_loss"]
    ticks = np.geomspace(losses.min(), losses.max(), 3)
    axis.set_yticks(ticks, [f"{tick:.2g}" for tick in ticks])
    axis.minorticks_off()
    axis.tick_params(labelsize=6)
    axis.set_title(table["learner"].iloc[0], fontsize=8)
    axis.set_xlabel(table["hyper_parameter"].iloc[0], fontsize=7, labelpad=1)


if __name__ == "__main__":
    main()
