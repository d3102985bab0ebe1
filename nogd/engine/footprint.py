"""How much work one forward pass of a module is, and in how many calls: decides whether vmap is worth its while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nogd.engine.cost import Products
from nogd.engine.layers.chunks import chunk_elements
from nogd.engine.several import Inputs, called

# An element that is read and written takes as long as so many operations of a matrix product.
_ELEMENT = 16
# A call costs some 5 microseconds before it does anything, which vmap pays once for many candidates; in return its
# batched calls are slower at the work itself. Measured on a CPU (experiments/benchmarks/population.py), vmap is ahead
# below this much work a call. On a GPU a call costs more, while the work goes a thousand times faster: there it was 7
# to 340 times as fast as the loop on all modules tried, with up to 100,000,000 operations per call.
_WORTH = {"cpu": 100_000, "cuda": 1_000_000_000}
# A convolution by itself takes long to start: with one among them, vmap is ahead up to here.
_WORTH_OF_CONVOLUTIONS = 1_500_000
# Below so many candidates at once, vmap's own start costs more than it saves.
FEWEST = 8
# Of theta a chunk may hold so many times more than of the widest value: it is read once and need not stay in the cache.
_WEIGHTS = 8


@dataclass(frozen=True)
class Footprint:
    """work: operations of one example, an element counting as several. widest: elements of one example's widest value.

    flops: of one example. calls: of tensor operations in one forward pass. dimension: D. device: where it is.
    convolves: whether any of them is a convolution.
    """

    flops: float
    work: float
    widest: float
    calls: int
    dimension: int
    device: torch.device
    convolves: bool

    def is_small(self, examples: int) -> bool:
        """Whether one forward pass over so many examples spends itself on calls rather than on work."""
        worth = _WORTH.get(self.device.type, _WORTH["cuda"])
        if self.convolves:
            worth = max(worth, _WORTH_OF_CONVOLUTIONS)
        return self.work * examples < worth * self.calls

    def chunk(self, count: int, examples: int) -> int:
        """How many of `count` candidates to score at once: all chunks about equal, and within the cache."""
        elements = chunk_elements(self.device)
        most = min(elements / max(1.0, self.widest * examples), _WEIGHTS * elements / self.dimension)
        most = max(1, int(most))
        chunks = -(-count // most)
        return -(-count // chunks)


def footprint(module: nn.Module, inputs: Inputs, dimension: int) -> Footprint:
    """Measured on all examples: a graph network takes no fewer, and attention among them is more work for more."""
    examples = len(inputs)
    with torch.no_grad(), _Calls() as seen:
        called(module, inputs)
    flops, work, widest = (
        value / examples for value in (seen.flops, seen.flops + _ELEMENT * seen.elements, seen.widest)
    )
    return Footprint(flops, work, widest, seen.calls, dimension, inputs.device, seen.convolves)


class _Calls(Products):
    """Counts calls and the elements that they make, too."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.elements = self.widest = 0
        self.convolves = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = super().__torch_dispatch__(func, types, args, kwargs)
        self.calls += 1
        self.convolves = self.convolves or func is torch.ops.aten.convolution.default
        if isinstance(result, Tensor) and not func.is_view:
            self.elements += result.numel()
            self.widest = max(self.widest, result.numel())
        return result
