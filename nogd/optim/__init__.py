"""A learner as an optimizer of torch, for a training loop of one's own: `nogd.optim.Optimizer(module).step(closure)`.

Others may use `Optimizer` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nogd.optim.optimizer import Optimizer as Optimizer

__all__ = ["Optimizer"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'nogd.optim' has no attribute {name!r}")
    return getattr(import_module("nogd.optim.optimizer"), name)
