"""Inputs and targets as tensors that fit a module and each other; with clear words where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nogd.engine.inputs.arrays import tensor_of
from nogd.engine.several import Inputs, Key, Several, mapped, parts_of
from nogd.engine.space import ParameterSpace
from nogd.errors import DataError


def as_tensors(inputs: Any, targets: Any, space: ParameterSpace) -> tuple[Inputs, Tensor]:
    """Inputs `[N, ...]` and targets `[N, ...]` on the module's device; floating-point ones in the parameters' type.

    inputs: of a module that takes several, a tuple or a dict of them. Raises DataError for data that are empty, of
    unequal length, not numbers, or not finite.
    """
    y = _placed(tensor_of(targets, "targets"), space)
    x = mapped(inputs_of(inputs, len(y)), lambda part: _placed(part, space))
    for key, part in parts_of(x).items():
        _check_part(part, named(key), len(y))
    _check_finite(y, "targets")
    return x, y


def as_targets(targets: Any, space: ParameterSpace) -> Tensor:
    """Targets `[N, ...]` alone, as `as_tensors` gives them. Raises DataError as that does."""
    y = _placed(tensor_of(targets, "targets"), space)
    if y.ndim == 0 or len(y) == 0:
        raise DataError("the targets are empty: there is no row to learn from.")
    _check_finite(y, "targets")
    return y


def inputs_of(inputs: Any, rows: int, name: str = "inputs") -> Inputs:
    """The numbers of what people hold them in, of several where that is a dict, or a tuple of arrays.

    rows: how many targets there are. A tuple of as many arrays as there are targets, none of which has so many rows, is
    one array by its rows. Raises DataError for what has no numbers in rows.
    """
    parts = _several(inputs, rows)
    if parts is None:
        _refuse_list(inputs, rows)
        return tensor_of(inputs, name)
    if not parts:
        raise DataError(
            f"the {name} are an empty {type(inputs).__name__}; give a tensor for each input of the module."
        )
    return Several({key: tensor_of(part, f"{name}[{key!r}]") for key, part in parts.items()})


def named(key: Key) -> str:
    """What one of several inputs is called in messages."""
    return "inputs" if key is None else f"inputs[{key!r}]"


def _several(inputs: Any, rows: int) -> dict[Key, Any] | None:
    if isinstance(inputs, Mapping):
        if not all(isinstance(key, str) for key in inputs):
            raise DataError(
                "the inputs are a dict, but not all its keys are names of the forward's arguments."
            )
        return dict[Key, Any](inputs.items())
    if not isinstance(inputs, tuple) or not all(getattr(each, "shape", ()) for each in inputs):
        return None
    by_rows = len(inputs) == rows and all(len(each) != rows for each in inputs)
    return None if by_rows else dict[Key, Any](enumerate(inputs))


def _placed(data: Tensor, space: ParameterSpace) -> Tensor:
    return data.to(space.device, space.dtype) if data.is_floating_point() else data.to(space.device)


def _check_part(part: Tensor, name: str, rows: int) -> None:
    if len(part) != rows:
        raise DataError(
            f"there are {len(part)} rows of {name} but {rows} targets; give one target for each row."
        )
    if rows == 0:
        raise DataError("the data are empty: there is no row to learn from.")
    _check_finite(part, name)


def _refuse_list(inputs: Any, rows: int) -> None:
    """Refuse a list of arrays that each have a row for every target: what a module of several inputs takes."""
    if not isinstance(inputs, list) or not inputs or len(inputs) == rows:
        return
    if all(len(getattr(each, "shape", ())) > 0 and len(each) == rows for each in inputs):
        raise DataError(
            f"the inputs are a list of arrays of {rows} rows each, {len(inputs)} in all; give a tuple of them to a"
            " module whose forward takes several, or join them to one array along the features."
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
