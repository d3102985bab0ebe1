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
    _check_finite(x, "inputs")
    _check_finite(y, "targets")
    # Whole numbers are class or token numbers only where something looks them up.
    looked_up = any(isinstance(part, nn.Embedding | nn.EmbeddingBag) for part in module.modules())
    if x.is_floating_point() or not looked_up:
        x = x.to(space.dtype)
    return x, y.to(space.dtype) if y.is_floating_point() else y


def _tensor(data: Any, name: str, device: torch.device) -> Tensor:
    if isinstance(data, Tensor):
        tensor = data.detach()
    else:
        array = np.asarray(data)
        if array.dtype.kind not in "fiub":
            raise DataError(
                f"the {name} must be numbers, but they are of type {array.dtype}; encode them first."
            )
        tensor = torch.as_tensor(np.ascontiguousarray(array))
    if tensor.ndim == 0:
        raise DataError(f"the {name} must have one row for each example, but they are a single number.")
    return tensor.to(device)


def _check_finite(data: Tensor, name: str) -> None:
    if not data.is_floating_point():
        return
    wrong = ~torch.isfinite(data)
    if wrong.any():
        place = [int(i) for i in wrong.nonzero()[0]]
        value = float(data[tuple(place)])
        raise DataError(
            f"the {name} hold {value} at {place} ({int(wrong.sum())} values are not finite); fill or drop them first."
        )
