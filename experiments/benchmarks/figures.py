"""Draw engine_peers.svg and engine_time.svg from peers.csv and structured.csv: `python figures.py`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

HERE = Path(__file__).parent
WORKS = {"10-5-4-1 x 442": "10-5-4-1, 442 rows", "64-32-10 x 1,797": "64-32-10, 1,797 rows"}
JOBS = {
    "784-256-10 x 1,024: Population": "Population\n784-256-10",
    "784-256-10 x 1,024: LowRank, rank 1": "LowRank, rank 1\n784-256-10",
    "D 10^7 x 4,096: Perturbed": "Perturbed\n10$^7$ parameters",
    "D 10^7 x 4,096: the module by itself": "the module by itself\n10$^7$ parameters",
}
# Colours that the colour-blind tell apart (Okabe and Ito); grey for what is no arithmetic of its own.
COLOURS = {
    "products": "#0072b2",
    "thin products": "#56b4e9",
    "noise": "#e69f00",
    "additions": "#cc79a7",
    "activations": "#009e73",
    "rest": "#999999",
}


def main() -> None:
    """Write both."""
    mpl.rcParams |= {"svg.hashsalt": "nogd", "svg.fonttype": "none", "font.size": 9}
    _peers()
    _time()


def _rows(name: str) -> Iterator[tuple[str, float, float, float]]:
    """What, median, low, high of each row of NAME.csv."""
    with (HERE / f"{name}.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            yield row["what"], float(row["median"]), float(row["low"]), float(row["high"])


def _save(figure: plt.Figure, name: str) -> None:
    figure.savefig(HERE / f"{name}.svg", metadata={"Date": None})


def _peers() -> None:
    figure, panels = plt.subplots(1, len(WORKS), figsize=(10, 3.4), layout="constrained")
    for axes, (work, title) in zip(panels, WORKS.items(), strict=True):
        _points(axes, _best(f"{work}, 2 threads, P "))
        axes.set(title=title, xscale="log", xlabel="candidates scored per second (log scale)")
    _save(figure, "engine_peers")


def _best(start: str) -> dict[str, tuple[float, float, float]]:
    """Median, low and high of each at its better population size, fastest first."""
    best: dict[str, tuple[float, float, float]] = {}
    for what, *figures in _rows("peers"):
        if what.startswith(start):
            who = what.rpartition(": ")[2]
            median, low, high = figures
            best[who] = max(best.get(who, (0.0, 0.0, 0.0)), (median, low, high))
    return dict(sorted(best.items(), key=lambda item: -item[1][0]))


def _points(axes: Axes, best: dict[str, tuple[float, float, float]]) -> None:
    names = [who.partition("+cpu")[0] for who in best]
    medians = [figures[0] for figures in best.values()]
    for name, (median, low, high) in zip(names, best.values(), strict=True):
        colour = "#0072b2" if name == "nogd" else "#666666"
        axes.errorbar(median, name, xerr=[[median - low], [high - median]], fmt="o", color=colour, capsize=3)
    axes.invert_yaxis()
    for place, (median, _, high) in enumerate(best.values()):
        axes.text(max(median, high) * 1.15, place, f"{median:,.0f}", va="center", fontsize=8)
    axes.set_xlim(min(low for _, low, _ in best.values()) / 2, max(medians) * 6)
    axes.grid(axis="x", lw=0.3)


def _time() -> None:
    shares = {what: median for what, median, _, _ in _rows("structured") if ", time in " in what}
    figure, axes = plt.subplots(figsize=(10, 2.9), layout="constrained")
    left = [0.0] * len(JOBS)
    for part, colour in COLOURS.items():
        # Medians of the parts need not add up to 100.
        totals = [sum(shares[f"{job}, time in {other}"] for other in COLOURS) for job in JOBS]
        widths = [
            100 * shares[f"{job}, time in {part}"] / total for job, total in zip(JOBS, totals, strict=True)
        ]
        axes.barh(list(JOBS.values()), widths, left=left, color=colour, label=part)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set(xlabel="share of the time of a call, %", xlim=(0, 100))
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper center", ncols=len(COLOURS), frameon=False
    )
    _save(figure, "engine_time")


if __name__ == "__main__":
    main()
