"""Directional derivatives in forward mode, for learners that estimate a gradient from a few directions."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

LossOf = Callable[[Tensor], Tensor]


def tangents(loss_of: LossOf, theta: Tensor, directions: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """Loss at theta `[D]` and its derivatives along directions `[K, D]`, `[K]`; `chunk` directions at a time.

    The directions of a chunk share one forward pass, and no graph is kept. Source: Baydin et al., arXiv:2202.08587.
    """

    def along(direction: Tensor) -> tuple[Tensor, ...]:
        return torch.func.jvp(loss_of, (theta,), (direction,))

    out_dims: Any = (None, 0)  # the loss depends on no direction; torch's types do not know of the None
    with torch.no_grad():
        if len(directions) == 0:
            return loss_of(theta), theta.new_empty(0)
        parts = [torch.func.vmap(along, out_dims=out_dims)(part) for part in directions.split(chunk)]
    return parts[0][0], torch.cat([derivatives for _, derivatives in parts]).to(theta.dtype)


def agrees(loss_of: LossOf, theta: Tensor, loss: Tensor, gradient: Tensor) -> bool:
    """Whether forward mode gives this loss and gradient `[D]` at theta.

    It may refuse: a part of the network has no derivative there, or asks for values. It may err: a module that keeps
    weights where torch.func cannot see them does not change along a direction. The length of the gradient shows that.
    """
    _load_decompositions()
    try:
        found_loss, found = tangents(loss_of, theta, torch.stack([gradient, gradient.sign()]), 2)
    except Exception:  # in many ways; if the module is at fault, its gradient has said so
        return False
    expected = torch.stack([gradient.dot(gradient), gradient.abs().sum()])
    tolerance = math.sqrt(torch.finfo(theta.dtype).eps)
    close = torch.isclose(found, expected, rtol=tolerance, atol=0.0, equal_nan=True)
    return bool(close.all() and torch.isclose(found_loss, loss, rtol=tolerance, atol=0.0, equal_nan=True))


@cache
def _load_decompositions() -> None:
    """Load what torch loads at the first use of forward mode, without the warning that torch gives to itself there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import_module("torch._decomp.decompositions_for_jvp")
