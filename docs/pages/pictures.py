"""The pictures of the concept pages and the start page."""

from __future__ import annotations

import csv
from pathlib import Path

import torch
from pandas import DataFrame

import nogd
from nogd.plugins.manager import plugins
from nogd.report.drawing.canvas import (
    handle,
    house_style,
    legend_below,
    linear_values,
    log_cost,
    new_canvas,
    place_axes,
)
from nogd.report.drawing.style import looks
from nogd.report.results import Results
from pages.comparison import SAME_METHOD, TASK
from pages.drawing import bars, colours, curves, picture

_SHOWN = ("grid-search", "random-search", "adam")


def pages(results: Results, benchmarks: Path) -> dict[str, str]:
    """Pictures as elements to be put into a page, and the style sheet of their colours."""
    return {
        "_static/colours.css": colours(),
        "pictures/start.html": curves(_only(results, *_SHOWN), TASK, "start"),
        "pictures/cost.html": _cost(),
        "pictures/fairness.html": _fairness(_only(results, *SAME_METHOD)),
        "pictures/structure.html": _structure(benchmarks),
    }


def _only(results: Results, *learners: str) -> Results:
    runs, curves_ = (table[table["learner"].isin(learners)] for table in (results.runs, results.curves))
    return Results(runs, curves_, results.meta)


def _cost() -> str:
    """What one call costs, read off the meter."""
    problem = plugins().tasks.find("digits").load()().problem(seed=0)
    objective = nogd.objective(problem.module, problem.train.inputs, problem.train.targets, loss=problem.loss)
    theta, count = objective.space.read(problem.module), objective.N
    rows = torch.arange(64)
    calls = {
        "64 examples, one candidate": lambda: objective.losses(nogd.Population(theta[None]), rows),
        "one candidate": lambda: objective.losses(nogd.Population(theta[None])),
        "one gradient": lambda: objective.gradient(theta),
        "a line of 10 values": lambda: objective.losses(nogd.Line(theta, 0, torch.linspace(-1, 1, 10))),
        "a population of 32": lambda: objective.losses(nogd.Population(theta.repeat(32, 1))),
    }
    spent = {}
    for name, call in calls.items():
        before = objective.meter.forwards
        call()
        spent[name] = objective.meter.forwards - before
    with house_style():
        canvas, axes = bars(list(spent), list(spent.values()), [f"{value:.3g}" for value in spent.values()])
        log_cost(axes)
        axes.set_xlabel(f"forwards; 1 is one pass over all {count:,} training examples of digits")
        told = ", ".join(f"{name} {value:.3g}" for name, value in spent.items())
        return picture(canvas, "cost", f"Cost in forwards: {told}.")


def _fairness(results: Results) -> str:
    """The same runs against steps and against forwards."""
    style = looks(SAME_METHOD, width=40)
    medians = results.curves.groupby(["learner", "forwards"], as_index=False)[["iteration", "loss"]].median()
    panels = {
        "iteration": "unfair: the same number of steps",
        "forwards": "fair: the same number of forwards",
    }
    with house_style():
        canvas = new_canvas(2.5, width=6.6)
        for place, (column, title) in enumerate(panels.items()):
            axes = place_axes(canvas, 0.4 + 3.3 * place, 3.4 - 3.3 * place, 0.3, 0.7)
            for name, curve in medians[medians[column] > 0].groupby("learner"):
                look = style[str(name)]
                axes.plot(curve[column], curve["loss"], color=look.colour, linewidth=1.4)
            log_cost(axes)
            linear_values(axes)
            axes.set_xlabel("steps" if column == "iteration" else "forwards", labelpad=1)
            axes.annotate(title, (0, 1.04), xycoords="axes fraction")
        legend_below(canvas, [handle(look) for look in style.values()])
        return picture(canvas, "fairness", f"{_told(medians)} on {TASK}.")


def _told(medians: DataFrame) -> str:
    ends = {name: curve.iloc[-1] for name, curve in medians.groupby("learner")}
    told = [f"{name}: {end['loss']:.2g} after {end['iteration']:.0f} steps" for name, end in ends.items()]
    return f"Training loss after the same number of forwards: {', '.join(told)}"


_SPEEDS = {  # label -> (file, a figure that was measured, the one that it is divided by)
    "Population: whole networks": (
        "population.csv",
        "10-5-4-1 x 442: nogd (compiled)",
        "10-5-4-1 x 442: plain loop",
    ),
    "Line: one weight": ("grid_search.csv", "plain loop, float32", "nogd.fit, float32"),
    "LowRank: thin noise": (
        "structured.csv",
        "784-256-10 x 1,024, P 64: LowRank, rank 1",
        "784-256-10 x 1,024, P 64: Population",
    ),
}


def _structure(benchmarks: Path) -> str:
    """How much faster a described set is, from the published measurements."""
    speeds = [_ratio(benchmarks / file, *names) for file, *names in _SPEEDS.values()]
    with house_style():
        canvas, axes = bars(list(_SPEEDS), speeds, [f"{value:.0f} x" for value in speeds])
        axes.set_xlim(0, 1.05 * max(speeds))
        axes.set_xlabel("times as fast as without that structure")
        told = ", ".join(f"{name} {value:.0f}" for name, value in zip(_SPEEDS, speeds, strict=True))
        return picture(canvas, "structure", f"Times as fast as without that structure: {told}.")


def _ratio(file: Path, above: str, below: str) -> float:
    with file.open(encoding="utf-8", newline="") as lines:
        medians = {row["what"]: float(row["median"]) for row in csv.DictReader(lines)}
    return medians[above] / medians[below]
