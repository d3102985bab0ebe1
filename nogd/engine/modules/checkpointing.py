"""Activation checkpointing: a module keeps what goes into few of its parts, and computes the rest again when asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

Forward = Callable[..., Tensor]


def can_be_checkpointed(module: nn.Module) -> bool:
    """Whether it has several parts in a row: an nn.Sequential or an nn.ModuleList."""
    return any(True for _ in _rows(module))


def load() -> None:
    """Import what the first use would import, a second of work."""
    import torch._dynamo  # noqa: F401


@contextmanager
def checkpointed(module: nn.Module) -> Iterator[None]:
    """Within, the rows of parts in the module are checkpointed (Chen et al. 2016, arXiv:1604.06174).

    A Sequential of L parts keeps what goes into about sqrt(L) segments, a ModuleList what goes into each part; rows
    within a part are left as they are. What a part gives stays the same.
    """
    wrapped: list[nn.Module] = []
    try:
        for row in _rows(module):
            for part, forward in _wrapped(row):
                part.forward = forward
                wrapped.append(part)
        yield
    finally:
        for part in wrapped:
            del part.forward  # the class's own is there again


def _rows(module: nn.Module) -> Iterator[nn.Module]:
    """The outermost Sequentials and ModuleLists of at least two parts."""
    if isinstance(module, torch.jit.ScriptModule):
        return
    is_row = isinstance(module, nn.ModuleList) or type(module).forward is nn.Sequential.forward
    if is_row and len(list(module.children())) > 1:
        yield module
        return
    for child in module.children():
        yield from _rows(child)


def _wrapped(row: nn.Module) -> Iterator[tuple[nn.Module, Forward]]:
    """What is to be called in place of which part."""
    parts = list(row.children())
    if isinstance(row, nn.ModuleList):
        yield from ((part, _once_more(part.forward)) for part in parts if "forward" not in vars(part))
        return
    size = math.isqrt(len(parts) - 1) + 1
    segments = [_once_more(_in_turn(parts[k : k + size])) for k in range(0, len(parts), size)]
    yield row, _in_turn(segments)


def _in_turn(parts: list[nn.Module] | list[Forward]) -> Forward:
    def forward(x: Tensor) -> Tensor:
        for part in parts:
            x = part(x)
        return x

    return forward


def _once_more(forward: Forward) -> Forward:
    """The same, of which nothing but the inputs is kept for the backward pass."""
    from torch.utils.checkpoint import checkpoint

    def keeping_inputs(*given: Any, **named: Any) -> Tensor:
        found: Tensor = checkpoint(forward, *given, use_reentrant=False, **named)
        return found

    return keeping_inputs
