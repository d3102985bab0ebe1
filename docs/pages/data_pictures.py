"""What the examples of a task look like, and what happens in an episode."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from nogd import Policies, Problem, SimulatorTask
from nogd.engine.policies import PolicyNetwork
from nogd.engine.space import ParameterSpace
from nogd.report.drawing.canvas import (
    handle,
    house_style,
    legend_below,
    legend_height,
    linear_values,
    new_canvas,
    place_axes,
)
from nogd.report.drawing.regions import class_points
from nogd.report.drawing.style import LIGHT, Look
from pages.drawing import picture

SMALLEST_IMAGE = 8
SHOWN = 10
"""Images or signals of one picture."""
DRAWN = 60
"""Policies drawn at random, of which the best one is shown."""
SEEN = {
    "cart-pole": ("place", "speed", "angle", "spin"),
    "pendulum": ("cosine of the angle", "sine of the angle", "spin"),
    "acrobot": (
        "cosine, first link",
        "sine, first link",
        "cosine, second",
        "sine, second",
        "spin, first",
        "spin, second",
    ),
    "mountain-car": ("place", "speed"),
    "mountain-car-continuous": ("place", "speed"),
    "double-pole": ("place", "long pole", "short pole", "speed", "spin of the long", "spin of the short"),
    "double-pole-no-velocity": ("place", "long pole", "short pole"),
    "gymnasium": ("place", "speed", "angle", "spin"),
}
"""What the values are called that policies see."""

Array = NDArray[Any]


def examples(inputs: Tensor, targets: Tensor, name: str) -> str:
    """Training examples, by their shape: points of a plane, images, signals, or courses of one input."""
    x, y = inputs.flatten(1).numpy(), targets.numpy()
    classes = (
        y.reshape(len(y)).astype(int) if y.size == len(y) and set(np.unique(y)) <= set(range(100)) else None
    )
    side = math.isqrt(x.shape[1])
    if classes is not None and x.shape[1] == 2:
        return _points(x, classes, name)
    if classes is not None and side >= SMALLEST_IMAGE and side**2 == x.shape[1]:
        return _images(x.reshape(-1, side, side), classes, name)
    if classes is not None and x.shape[1] >= SMALLEST_IMAGE**2 // 2:
        return _signals(x, classes, name)
    return _courses(x[:, 0], y, name) if x.shape[1] == 1 else ""


def _points(points: Array, classes: Array, name: str) -> str:
    low, high = points.min(0), points.max(0)
    margin = 0.05 * (high - low)
    box = (low[0] - margin[0], high[0] + margin[0], low[1] - margin[1], high[1] + margin[1])
    with house_style():
        canvas = new_canvas(2.6, width=2.6)
        axes = _bare(place_axes(canvas, 0.05, 0.05, 0.05, 0.05))
        axes.set(xlim=box[:2], ylim=box[2:])
        for patch in class_points(points, classes, box):
            axes.add_patch(patch)
        counts = ", ".join(f"{count} of class {index}" for index, count in enumerate(np.bincount(classes)))
        told = f"The training data: {counts}."
        return f"{picture(canvas, f'data-{name}', told)}\n\n{told}"


def _first_of_each(classes: Array) -> list[int]:
    """The places of at most SHOWN examples, one of each class."""
    return [int(np.flatnonzero(classes == each)[0]) for each in np.unique(classes)[:SHOWN]]


def _images(images: Array, classes: Array, name: str) -> str:
    places = _first_of_each(classes)
    with house_style():
        canvas = new_canvas(1.4, width=3.4)
        for number, place in enumerate(places):
            row, column = divmod(number, 5)
            axes = _bare(
                place_axes(
                    canvas, 0.05 + 0.67 * column, 2.73 - 0.67 * column, 0.05 + 0.67 * row, 0.72 - 0.67 * row
                )
            )
            axes.imshow(images[place], cmap="gray_r", interpolation="nearest")
        told = f"One training example of each class: {', '.join(str(classes[place]) for place in places)}."
        return f"{picture(canvas, f'data-{name}', told)}\n\n{told}"


def _signals(signals: Array, classes: Array, name: str) -> str:
    places = _first_of_each(classes)
    with house_style():
        canvas = new_canvas(1.4, width=6.6)
        for number, place in enumerate(places):
            row, column = divmod(number, 5)
            left, above = 0.05 + 1.31 * column, 0.05 + 0.67 * row
            axes = _bare(place_axes(canvas, left, 5.31 - 1.31 * column, above, 0.72 - 0.67 * row))
            axes.plot(signals[place], color=LIGHT[0], linewidth=1.2)
        told = f"One training example of each class: {', '.join(str(classes[place]) for place in places)}."
        return f"{picture(canvas, f'data-{name}', told)}\n\n{told}"


def _courses(times: Array, values: Array, name: str) -> str:
    order = np.argsort(times)
    with house_style():
        canvas = new_canvas(1.8)
        axes = place_axes(canvas, 0.45, 0.1, 0.15, 0.42)
        for column in range(values.shape[1]):
            axes.plot(
                times[order],
                values[order, column],
                color=LIGHT[column],
                marker="o",
                markersize=2.5,
                linewidth=1,
            )
        linear_values(axes)
        linear_values(axes, "x")
        axes.set_xlabel("input", labelpad=1)
        told = f"The {len(times)} training examples: what is to be met at each input."
        return f"{picture(canvas, f'data-{name}', told)}\n\n{told}"


class _Watched:
    """Policies of which is kept, step by step, what they see in their first episode, and whether it still runs."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self.count, self.dtype, self.device = policies.count, policies.dtype, policies.device
        self.seen: list[Tensor] = []
        self.running: list[Tensor] = []

    def __call__(self, *observations: Tensor, running: Tensor) -> Any:
        self.seen.append(observations[0][:, 0].double())
        self.running.append(running[:, 0].clone())  # a world may go on in the same memory
        return self._policies(*observations, running=running)

    def split(self, _most: int) -> Iterator[_Watched]:
        """Itself: a world holds as many as there are here."""
        yield self

    def episode(self, policy: int) -> Array:
        """What that one saw until its episode ended, `[steps, values]`."""
        steps = int(torch.stack(self.running)[:, policy].sum())
        return torch.stack(self.seen)[:steps, policy].numpy()


@torch.no_grad()
def episode(task: SimulatorTask, problem: Problem, name: str) -> str:
    """What a policy sees in one episode: before training, and the best one of some that are drawn at random."""
    space = ParameterSpace(problem.module, problem.bounds)
    start = space.read(problem.module)
    drawn = torch.empty(DRAWN, len(start)).uniform_(*task.bounds, generator=torch.Generator().manual_seed(0))
    watched = _Watched(Policies(PolicyNetwork(problem.module, space), torch.cat([start[None], drawn])))
    returns = task.rollout(watched, problem.simulator.measured_on()["train"][:1])[:, 0]
    places = {"untrained": 0, f"best of {DRAWN} drawn at random": 1 + int(returns[1:].argmax())}
    return _episodes(
        {f"{title}: return {returns[at]:.0f}": watched.episode(at) for title, at in places.items()}, name
    )


def _episodes(panels: dict[str, Array], name: str) -> str:
    values = next(iter(panels.values())).shape[1]
    labels = SEEN.get(name) or [f"value {number + 1}" for number in range(values)]
    known = [Look(LIGHT[place % len(LIGHT)], "", label, place) for place, label in enumerate(labels)]
    legend = legend_height(labels)
    with house_style():
        canvas = new_canvas(1.9 + legend, width=6.6)
        for place, (title, seen) in enumerate(panels.items()):
            axes = place_axes(canvas, 0.45 + 3.3 * place, 3.4 - 3.3 * place, 0.3, 0.42 + legend)
            for column, look in zip(seen.T, known, strict=True):
                axes.plot(column, color=look.colour, linewidth=1.2)
            linear_values(axes)
            linear_values(axes, "x")
            axes.set_xlabel("step", labelpad=1)
            axes.annotate(title, (0, 1.04), xycoords="axes fraction")
        legend_below(canvas, [handle(look) for look in known])
        told = f"What a policy sees in one episode; {'; '.join(panels)}."
        return f"{picture(canvas, f'data-{name}', told)}\n\nWhat a policy sees in one episode."


def _bare(axes: Axes) -> Axes:
    axes.set_axis_off()
    return axes
