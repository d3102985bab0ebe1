"""Pictures of tasks: some of the data or an episode, and the course of the frozen reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from nogd import SimulatorTask, Task
from nogd.plugins.registry import Entry
from nogd.report.drawing.canvas import (
    heading,
    house_style,
    linear_values,
    log_cost,
    log_values,
    new_canvas,
    place_axes,
    plain,
)
from nogd.report.drawing.style import looks
from pages import data_pictures
from pages.drawing import picture
from pages.markdown import code

NEEDS_FILES = "own-files"
"""The tag of tasks whose data are files of the user's."""
FAR = 20.0
"""The ratio of losses from which on their axis is logarithmic."""


def data(entry: Entry) -> str:
    """Points, images, courses or an episode; empty where a picture would say no more than the table does."""
    task = task_of(entry)
    if NEEDS_FILES in task.tags:
        return "Its data are files of yours, so there is no picture of them here."
    problem = task.problem(seed=0)
    if isinstance(task, SimulatorTask):
        return data_pictures.episode(task, problem, entry.name)
    inputs, targets = problem.train.inputs, problem.train.targets
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        return ""
    return data_pictures.examples(inputs, targets, entry.name)


def course(entry: Entry) -> str:
    """How the frozen reference learnt, and what it reached; empty where there is none."""
    task = task_of(entry)
    frozen = task.reference
    if frozen is None:
        return ""
    return f"{_course(entry.name, frozen, isinstance(task, SimulatorTask))}\n\n{_told(frozen)}"


def task_of(entry: Entry) -> Task:
    """A task with its own settings."""
    made = entry.load()
    return made() if isinstance(made, type) else made


def _course(name: str, frozen: dict[str, Any], simulated: bool) -> str:
    """Losses, or returns, after shares of the budget."""
    points = [(each["share"], each["loss"]) for each in frozen["targets"] if "share" in each]
    spent, losses = np.array(points).T * np.array([[frozen["budget"]["forwards"]], [-1 if simulated else 1]])
    look = looks([frozen["learner"]])[frozen["learner"]]
    what = "mean return" if simulated else "training loss"
    with house_style():
        canvas = new_canvas(2.0)
        axes = place_axes(canvas, 0.55, 0.2, 0.3, 0.42)
        axes.plot(spent, losses, color=look.colour, marker=look.marker, markersize=4.5, linewidth=1.4)
        log_cost(axes)
        if not simulated and losses.min() > 0 and losses.max() > FAR * losses.min():
            log_values(axes)
        else:
            linear_values(axes)
        axes.set_xlabel("forwards", labelpad=1)
        heading(axes, f"{what} of {frozen['learner']}")
        told = ", ".join(
            f"{plain(loss)} after {plain(cost)} forwards" for cost, loss in zip(spent, losses, strict=True)
        )
        return picture(canvas, f"course-{name}", f"{what.capitalize()} of {frozen['learner']}: {told}.")


def _told(frozen: dict[str, Any]) -> str:
    low, high = frozen["quartiles"]
    settings = ",".join(f"{name}={value}" for name, value in frozen["settings"].items())
    return (
        f"What {code(frozen['learner'])} reached after shares of {frozen['budget']['forwards']:,.0f} forwards, the "
        f"median of {frozen['repetitions']} runs ({code(settings)}). Score 1 is {frozen['metric']} "
        f"{plain(frozen['test_metric'])} on the {frozen['measured_on']} data, score 0 is {plain(frozen['constant'])}; "
        f"half of the reference's runs lie between {plain(low)} and {plain(high)}."
    )
