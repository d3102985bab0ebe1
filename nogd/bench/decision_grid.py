"""A portrait of a solution that classifies points of a plane: how likely it holds each class, place by place."""

from __future__ import annotations

import torch
from torch import Tensor

from nogd.bench.record import Arrays
from nogd.engine.network import Network
from nogd.problem.splits import labels
from nogd.problem.task import Problem

# Places along a side: the picture is an inch wide, and smaller than 4 KiB in the store.
PLACES = 64
# Of the data's width, what is shown beyond them.
_MARGIN = 0.08
_MOST_POINTS = 1_000
_MOST_CLASSES = 10


def decision_grid(problem: Problem, network: Network | None, theta: Tensor) -> dict[str, Arrays]:
    """The pictures "portrait" and "points" of theta `[D]`; none where the task is no classification in a plane.

    portrait: shares, uint8 `[C, PLACES, PLACES]` (of 255; rows go up; C is 1 for two classes told apart by one
    output's sign), and box, left, right, low and high. points: inputs `[N, 2]`, classes `[N]` of training examples.
    """
    inputs, classes = problem.train.inputs, labels(problem.train.targets)
    if network is None or classes is None or classes.ndim != 1:
        return {}
    if not (isinstance(inputs, Tensor) and isinstance(network.inputs, Tensor)) or inputs.shape[1:] != (2,):
        return {}
    if not network.inputs.is_floating_point():  # between whole numbers there is nothing to show
        return {}
    box = _box(inputs)
    with torch.no_grad(), network.used(theta):
        shares = _shares(network.outputs(theta, _places(box).to(network.inputs)))
    if shares is None:
        return {}
    few = torch.linspace(0, len(inputs) - 1, min(len(inputs), _MOST_POINTS)).round().long()
    grid = (shares.T * 255).round().to(torch.uint8).reshape(-1, PLACES, PLACES)
    return {
        "portrait": {"shares": grid.numpy(force=True), "box": box.numpy(force=True)},
        "points": {"inputs": inputs[few].numpy(force=True), "classes": classes[few].numpy(force=True)},
    }


def _box(inputs: Tensor) -> Tensor:
    low, high = inputs.amin(0), inputs.amax(0)
    margin = _MARGIN * (high - low).clamp(min=1e-6)
    return torch.stack([low - margin, high + margin], dim=1).flatten()


def _places(box: Tensor) -> Tensor:
    left, right, low, high = box.tolist()
    y, x = torch.meshgrid(
        torch.linspace(low, high, PLACES), torch.linspace(left, right, PLACES), indexing="ij"
    )
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def _shares(outputs: Tensor) -> Tensor | None:
    """The share of each class `[places, C]`; None where the outputs say no such thing."""
    if outputs.ndim != 2 or outputs.shape[1] > _MOST_CLASSES or not outputs.isfinite().all():
        return None
    outputs = outputs.double()
    return outputs.sigmoid() if outputs.shape[1] == 1 else outputs.softmax(1)
