"""What a module takes: one tensor, or several with one leading N, by place or by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Key = int | str | None
"""Place or name of one of several inputs; of a single one None."""
# As people give them, and as learners and losses of their own see them.
Tree = Tensor | tuple[Tensor, ...] | dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Several:
    """Tensors `[N, ...]` that a module takes at once: those of a tuple by place, `forward(a, b)`, of a dict by name.

    Rows are taken of all alike. What can be asked of a tensor and means the same for several, can be asked of it.
    """

    parts: dict[Key, Tensor]

    @property
    def tree(self) -> tuple[Tensor, ...] | dict[str, Tensor]:
        """The tuple or the dict."""
        if all(isinstance(key, int) for key in self.parts):
            return tuple(self.parts.values())
        return {str(key): part for key, part in self.parts.items()}

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return next(iter(self.parts.values())).device

    def __len__(self) -> int:
        return len(next(iter(self.parts.values())))

    def __getitem__(self, rows: Tensor | slice) -> Several:
        return self.mapped(lambda part: part[rows])

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Several:
        """With each tensor changed."""
        return Several({key: change(part) for key, part in self.parts.items()})

    def clone(self) -> Several:
        """Copies."""
        return self.mapped(Tensor.clone)

    def to(self, device: torch.device) -> Several:
        """On that device."""
        return self.mapped(lambda part: part.to(device))

    def numel(self) -> int:
        """Elements of all."""
        return sum(part.numel() for part in self.parts.values())


Inputs = Tensor | Several


def gathered(tree: Tree | Several) -> Inputs:
    """A tuple or a dict as Several; a tensor as it is."""
    if isinstance(tree, Mapping):
        return Several(dict[Key, Tensor](tree.items()))
    return Several(dict[Key, Tensor](enumerate(tree))) if isinstance(tree, tuple) else tree


def plain(inputs: Inputs) -> Tree:
    """The inverse of `gathered`."""
    return inputs.tree if isinstance(inputs, Several) else inputs


def parts_of(inputs: Inputs) -> dict[Key, Tensor]:
    """All tensors by place or name; a single one's is None."""
    return inputs.parts if isinstance(inputs, Several) else {None: inputs}


def mapped(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    """With each tensor changed."""
    return inputs.mapped(change) if isinstance(inputs, Several) else change(inputs)


def like(inputs: Inputs, others: Inputs) -> Inputs:
    """The inputs with types and device of others that are made alike."""
    if isinstance(inputs, Several):
        of = parts_of(others)
        return Several({key: part.to(of[key]) for key, part in inputs.parts.items()})
    assert isinstance(others, Tensor)
    return inputs.to(others)


def arguments(inputs: Inputs) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """What a forward is called with, by place and by name."""
    tree = plain(inputs)
    if isinstance(tree, dict):
        return (), tree
    return (tree if isinstance(tree, tuple) else (tree,)), {}


def called(module: nn.Module, inputs: Inputs) -> Any:
    """What the module gives for them."""
    if isinstance(inputs, Tensor):
        return module(inputs)
    by_place, by_name = arguments(inputs)
    return module(*by_place, **by_name)


def shapes_of(inputs: Inputs) -> str:
    """For people: "[9, 2]", or "[9, 2] and [9]"."""
    return " and ".join(str(list(part.shape)) for part in parts_of(inputs).values())


def types_of(inputs: Inputs) -> str:
    """For people: "torch.float32", or "torch.int64 and torch.bool"."""
    return " and ".join(str(part.dtype) for part in parts_of(inputs).values())
