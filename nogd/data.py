"""Whatever people hold their data in, as tensors that fit a module; with clear words where it does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nogd.errors import DataError
from nogd.objective.space import ParameterSpace


def as_tensors(inputs: Any, targets: Any, module: nn.Module, space: ParameterSpace) -> tuple[Tensor, Tensor]:
    """Inputs `[N, ...]` and targets `[N, ...]` on the module's device; numbers in the parameters' type.

    Raises DataError for data that are empty, of unequal length, not numbers, or not finite.
    """
    x, y = _tensor(inputs, "inputs", space.device), _tensor(targets, "targets", space.device)
    if len(x) != len(y):
        raise DataError(
            f"there are {len(x)} rows of inputs but {len(y)} targets; one target for each row, please."
        )
    if len(x) == 0:
        raise DataError("the data are empty: there is no row to learn from.")
    # Whole numbers are class or token numbers only where something looks them up.
    looked_up = any(isinstance(part, nn.Embedding | nn.EmbeddingBag) for part in module.modules())
    if x.is_floating_point() or not looked_up:
        x = x.to(space.dtype)
    if y.is_floating_point():
        y = y.to(space.dtype)
    _check_finite(x, "inputs")
    _check_finite(y, "targets")
    return x, y


def _tensor(data: Any, name: str, device: torch.device) -> Tensor:
    tensor = data.detach() if isinstance(data, Tensor) else _from_array(data, name)
    if tensor.is_complex() or tensor.layout != torch.strided:
        raise DataError(
            f"the {name} must be real numbers in a dense tensor, not {tensor.dtype} in {tensor.layout}."
        )
    if tensor.ndim == 0:
        raise DataError(f"the {name} must have one row for each example, but they are a single number.")
    return tensor.to(device)


def _from_array(data: Any, name: str) -> Tensor:
    if data is None:
        raise DataError(
            f"the {name} must be numbers, but there are none; only a Dataset or another source of batches carries its"
            " targets with it."
        )
    try:
        array = np.asarray(data)
    except ValueError as error:  # rows of unequal length
        raise DataError(f"the {name} do not form an array: {error}") from None
    if array.dtype.kind not in "fiub":
        raise DataError(f"the {name} must be numbers, but they are of type {array.dtype}; encode them first.")
    # A copy: torch takes no reversed, read-only (pandas) or foreign arrays, and the user may go on changing this one.
    return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))


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
