"""Checks of what an objective is asked: theta, directions and numbers of examples, refused with what would be right."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting

_WHOLE = (torch.int64, torch.int32)


def check_theta(theta: Any, dimension: int) -> None:
    """Refuse what is no tensor `[D]`."""
    if not isinstance(theta, Tensor) or theta.shape != (dimension,):
        what = f"of shape {list(theta.shape)}" if isinstance(theta, Tensor) else f"a {type(theta).__name__}"
        raise InvalidSetting(f"theta must be a tensor [{dimension}] for this objective, not {what}.")


def check_in_place(theta: Tensor, space: ParameterSpace) -> None:
    """Refuse what cannot be changed in place, and watched for changes by others."""
    if (theta.dtype, theta.device) != (space.dtype, space.device) or not theta.is_contiguous():
        raise InvalidSetting(
            f"a walk changes theta in place, so it must be a contiguous tensor of {space.dtype} on {space.device},"
            f" not of {theta.dtype} on {theta.device} with stride {theta.stride(0)}."
        )
    if theta.is_inference():
        raise InvalidSetting(
            "theta was made under torch.inference_mode(), where no tensor tells whether it was changed; use"
            " torch.no_grad()."
        )


def check_directions(directions: Tensor, dimension: int) -> None:
    """Refuse what is no set of directions `[K, D]`."""
    if directions.ndim != 2 or directions.shape[1] != dimension:
        raise InvalidSetting(
            f"directions have shape {list(directions.shape)}, but this objective needs [K, {dimension}]."
        )


def check_outputs(outputs: Any, own: tuple[int, ...]) -> None:
    """Refuse what are no outputs `[..., *own]`; own: what those of one network are."""
    if not isinstance(outputs, Tensor) or tuple(outputs.shape[-len(own) :]) != own:
        what = (
            f"of shape {list(outputs.shape)}"
            if isinstance(outputs, Tensor)
            else f"a {type(outputs).__name__}"
        )
        raise InvalidSetting(
            f"outputs of these examples are a tensor [..., {', '.join(map(str, own))}], not {what}."
        )


def check_unit(incoming: int, weights: Any, ridge: float) -> None:
    """Refuse what are no sets of that many incoming weights of a unit, `[M, F]`, and what is no ridge."""
    if not isinstance(weights, Tensor) or weights.ndim != 2 or weights.shape[1] != incoming:
        what = (
            f"of shape {list(weights.shape)}"
            if isinstance(weights, Tensor)
            else f"a {type(weights).__name__}"
        )
        raise InvalidSetting(f"weights of this unit are a tensor [M, {incoming}], not {what}.")
    if not 0 < ridge < math.inf:
        raise InvalidSetting(f"ridge must be above 0, not {ridge}.")


def count_rows(rows: Any, examples: int) -> int:
    """How many of the N examples these are. Raises InvalidSetting for what are no numbers of examples."""
    if rows is None:
        return examples
    if not isinstance(rows, Tensor) or rows.ndim != 1 or rows.dtype not in _WHOLE or len(rows) == 0:
        raise InvalidSetting(
            "rows are the numbers of at least one example as a tensor [B] of torch.int64 (of a mask:"
            f" mask.nonzero()[:, 0]), not {rows!r:.60}."
        )
    if rows.device.type == "cpu":  # elsewhere to look would be to wait
        low, high = (int(end) for end in rows.aminmax())
        if not 0 <= low <= high < examples:
            raise InvalidSetting(
                f"rows reach from {low} to {high}, but the {examples} examples count from 0 to {examples - 1}."
            )
    return len(rows)
