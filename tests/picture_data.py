"""Made-up pictures, in exactly the arrays that the store gives, to stand beside made-up results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from report_data import Results

from nogd.bench.loss_slice import slice_through

Arrays = dict[str, np.ndarray[Any, Any]]
_PLACES = 64
_ENDED = {"ok", "target", "budget"}


def with_pictures(results: Results, task: str = "two-spirals", classes: int = 2) -> Results:
    """The same results, each run that ended well on that task with its portrait."""
    rows = results.runs[(results.runs["task"] == task) & results.runs["status"].isin(_ENDED)]
    pictures = {
        "portrait": {str(id_): _portrait(classes, number) for number, id_ in enumerate(rows["id"])},
        "points": {task: _points(classes)},
    }
    return replace(results, pictures=pictures)


def with_paths(results: Results, task: str) -> Results:
    """The same results, with a plane through a wandering path of each run of repetition 0 that ended well."""
    rows = results.runs[(results.runs["task"] == task) & (results.runs["repetition"] == 0)]
    ids = [str(id_) for id_ in rows.loc[rows["status"].isin(_ENDED), "id"]]
    made = slice_through({id_: _path(number) for number, id_ in enumerate(ids)}, 1e6)
    if made is None:
        return results
    arrays, loss_slice = made
    assert loss_slice is not None
    losses = np.square(loss_slice.thetas - 1).sum(axis=1).reshape(len(loss_slice.y), len(loss_slice.x))
    plane = arrays | {"repetition": np.array(0), "grid": losses}
    return replace(results, pictures={**results.pictures, "plane": {task: plane}})


def _path(number: int) -> Arrays:
    """From the origin of five parameters towards a place of its own, with detours."""
    rng = np.random.default_rng(number)
    way = np.linspace(0, 1, 30)[:, None] * rng.normal(1, 0.5, 5)
    thetas = (way + np.cumsum(rng.normal(0, 0.05, (30, 5)), axis=0)).astype(np.float32)
    thetas[0] = 0
    losses = np.square(thetas - 1.0).sum(axis=1)
    return {"thetas": thetas, "forwards": np.arange(30.0), "losses": losses.astype(float)}


def _portrait(classes: int, tilt: int) -> Arrays:
    """Classes as slices of a pie."""
    y, x = np.mgrid[-1 : 1 : _PLACES * 1j, -1 : 1 : _PLACES * 1j]
    angle = (np.arctan2(y, x) + tilt) % (2 * np.pi) / (2 * np.pi) * classes
    shares = np.stack([np.clip(1 - np.abs(angle - k - 0.5), 0, 1) for k in range(classes)])
    shares /= shares.sum(axis=0)
    kept = shares[1:] if classes == 2 else shares
    return {"shares": np.rint(kept * 255).astype(np.uint8), "box": np.array([-1.0, 1.0, -1.0, 1.0])}


def _points(classes: int) -> Arrays:
    rng = np.random.default_rng(0)
    return {"inputs": rng.uniform(-0.9, 0.9, (60, 2)), "classes": np.arange(60) % classes}
