"""A plane through the paths of several runs of one task, and where on it the task's loss is to be looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nogd.bench.record import Arrays

Floats = NDArray[np.float64]

# Places along a side of the picture at most; of the forwards that the task's runs spent, what all places may cost.
_MOST_PLACES, _FEWEST_PLACES = 33, 9
_SHARE = 0.05
# How far from the start the picture goes, in median lengths of the paths on the plane; some end at 1e18.
_REACH = 3.0
_MARGIN = 0.12


@dataclass(frozen=True)
class LossSlice:
    """Where to look at a task's loss: on the grid `origin + x * axes[0] + y * axes[1]`.

    origin: `[D]`, axes: `[2, D]`, of length 1; x, y: `[G]`.
    """

    origin: Floats
    axes: Floats
    x: Floats
    y: Floats

    @property
    def thetas(self) -> Floats:
        """All places, `[G * G, D]`, x changing first."""
        y, x = np.meshgrid(self.y, self.x, indexing="ij")
        return np.asarray(self.origin + np.stack([x.ravel(), y.ravel()], axis=1) @ self.axes)


def slice_through(
    paths: Mapping[str, Arrays], forwards: float
) -> tuple[dict[str, NDArray[Any]], LossSlice | None] | None:
    """The plane of the two principal directions of all paths about their common start, and what to look at on it.

    paths: of runs from one start, by id; forwards: what the task's runs have spent. Every path counts alike, however
    far it went. The arrays: ids `[L]`; lengths `[L]`, points of each path; coordinates `[points, 2]`, forwards and
    losses `[points]` of all, one path after the other; shares `[L]`, of a path's squared distances from the start what
    lies in the plane (NaN for one that never moved), and explained, their mean; x, y `[G]`. None where nothing moved in
    two directions; no LossSlice where its cost would not be small.
    """
    if not all(np.isfinite(path["thetas"][0]).all() for path in paths.values()):
        return None
    moved = {id_: _moved(path) for id_, path in paths.items()}
    lengths = [np.linalg.norm(steps) for steps in moved.values()]
    scaled = [steps / length for steps, length in zip(moved.values(), lengths, strict=True) if length > 0]
    if not scaled or scaled[0].shape[1] < 2 or np.linalg.matrix_rank(np.concatenate(scaled)) < 2:
        return None
    axes = _axes(np.concatenate(scaled))
    walked = [steps @ axes.T for steps in moved.values()]
    shares = [
        float(np.sum((flat / length) ** 2)) if length > 0 else math.nan
        for flat, length in zip(walked, lengths, strict=True)
    ]
    x, y = _box(walked, _places(forwards))
    kept = [_kept(path) for path in paths.values()]
    arrays = {
        "ids": np.array(list(paths)),
        "lengths": np.array([len(flat) for flat in walked]),
        "coordinates": np.concatenate(walked),
        "forwards": np.concatenate(
            [path["forwards"][rows] for path, rows in zip(paths.values(), kept, strict=True)]
        ),
        "losses": np.concatenate(
            [path["losses"][rows] for path, rows in zip(paths.values(), kept, strict=True)]
        ),
        "shares": np.array(shares),
        "explained": np.array(np.nanmean(shares)),
        "x": x,
        "y": y,
    }
    start = np.asarray(next(iter(paths.values()))["thetas"][0], dtype=float)
    return arrays, LossSlice(start, axes, x, y) if _places(forwards) >= _FEWEST_PLACES else None


def _kept(path: Arrays) -> NDArray[np.bool_]:
    """The points of a path that are numbers: one that diverged ends before that."""
    return np.asarray(np.isfinite(path["thetas"]).all(axis=1))


def _moved(path: Arrays) -> Floats:
    thetas = path["thetas"][_kept(path)].astype(float)
    return np.asarray(thetas - thetas[0])


def _axes(steps: Floats) -> Floats:
    """The two principal directions about the start; the largest part of each points to plus, so that they repeat."""
    directions = np.linalg.svd(steps, full_matrices=False)[2][:2]
    largest = np.abs(directions).argmax(axis=1)
    return np.asarray(directions * np.sign(directions[[0, 1], largest])[:, None])


def _places(forwards: float) -> int:
    return min(_MOST_PLACES, math.isqrt(int(_SHARE * forwards)))


def _box(walked: list[Floats], places: int) -> tuple[Floats, Floats]:
    """Both axes of the picture, equally long: all that is not far beyond what is usual."""
    lengths = np.array([np.linalg.norm(flat, axis=1).max() for flat in walked])
    reach = _REACH * float(np.median(lengths[lengths > 0]))
    near = np.concatenate([flat[np.linalg.norm(flat, axis=1) <= reach] for flat in walked])
    low, high = near.min(axis=0), near.max(axis=0)
    middle, half = (low + high) / 2, float((high - low).max()) * (0.5 + _MARGIN)
    line = np.linspace(-half, half, max(places, 2))
    return middle[0] + line, middle[1] + line
