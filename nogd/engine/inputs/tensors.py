"""Inputs and targets as tensors that fit a module and each other; with clear words where they do not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nogd.engine.inputs.arrays import tensor_of
from nogd.engine.space import ParameterSpace
from nogd.errors import DataError


def as_tensors(inputs: Any, targets: Any, space: ParameterSpace) -> tuple[Tensor, Tensor]:
    """Inputs `[N, ...]` and targets `[N, ...]` on the module's device; floating-point ones in the parameters' type.

    Raises DataError for data that are empty, of unequal length, not numbers, or not finite.
    """
    y = tensor_of(targets, "targets").to(space.device)
    _refuse_several(inputs, len(y))
    x = tensor_of(inputs, "inputs").to(space.device)
    if len(x) != len(y):
        raise DataError(
            f"there are {len(x)} rows of inputs but {len(y)} targets; one target for each row, please."
        )
    if len(x) == 0:
        raise DataError("the data are empty: there is no row to learn from.")
    if x.is_floating_point():
        x = x.to(space.dtype)
    if y.is_floating_point():
        y = y.to(space.dtype)
    _check_finite(x, "inputs")
    _check_finite(y, "targets")
    return x, y


def as_targets(targets: Any, space: ParameterSpace) -> Tensor:
    """Targets `[N, ...]` alone, as `as_tensors` gives them. Raises DataError as that does."""
    y = tensor_of(targets, "targets").to(space.device)
    if y.ndim == 0 or len(y) == 0:
        raise DataError("the targets are empty: there is no row to learn from.")
    if y.is_floating_point():
        y = y.to(space.dtype)
    _check_finite(y, "targets")
    return y


def _refuse_several(inputs: Any, rows: int) -> None:
    """Refuse a tuple or list of arrays that each have a row for every target: what a module of several inputs takes."""
    if not isinstance(inputs, tuple | list) or not inputs or len(inputs) == rows:
        return
    if all(len(getattr(each, "shape", ())) > 0 and len(each) == rows for each in inputs):
        raise DataError(
            f"the inputs are a {type(inputs).__name__} of arrays of {rows} rows each, {len(inputs)} in all, but must be"
            " one array; join them along the features, and let the module take them apart."
        )


def _check_finite(data: Tensor, name: str) -> None:
    if not data.is_floating_point() or torch.isfinite(data.sum()):  # one pass; a sum may overflow, or be NaN
        return
    wrong = ~torch.isfinite(data)
    if wrong.any():
        place = [int(i) for i in wrong.nonzero()[0]]
        value = float(data[tuple(place)])
        raise DataError(
            f"the {name} hold {value} at {place} ({int(wrong.sum())} values are not finite in {data.dtype});"
            " fill or drop them first."
        )
