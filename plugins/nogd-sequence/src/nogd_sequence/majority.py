"""A small transformer on rows of symbols."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from nogd import Dataset, SupervisedTask

ROWS, LENGTH, KINDS = 1_500, 12, 4
Width = Annotated[int, Field(ge=1, le=1 << 10, description="features of a symbol")]


class Symbols(Dataset):
    """1,500 rows of twelve symbols of four kinds, of which one is the most frequent."""

    name: ClassVar[str] = "symbols"

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs int64 `[1500, 12]` from 0 to 3; targets int64 `[1500]`, the most frequent symbol."""
        rows = torch.randint(KINDS, (4 * ROWS, LENGTH), generator=Generator().manual_seed(9))
        counts = nn.functional.one_hot(rows, KINDS).sum(1)
        first, second = counts.topk(2, dim=1).values.unbind(1)
        kept = (first > second).nonzero()[:ROWS, 0]
        return rows[kept], counts[kept].argmax(1)


class Transformer(nn.Module):
    """One block: attention with one head, a layer of ReLU units, both added to what they saw; then the mean."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(KINDS, width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.inner, self.outer = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.last = nn.Linear(width, KINDS)

    def forward(self, symbols: Tensor) -> Tensor:
        """From int64 `[N, length]` to `[N, kinds]`."""
        seen = self.table(symbols)
        scores = self.query(seen) @ self.key(seen).transpose(-1, -2) / math.sqrt(seen.shape[-1])
        seen = seen + scores.softmax(-1) @ self.value(seen)
        seen = seen + self.outer(self.inner(seen).relu())
        found: Tensor = self.last(seen.mean(-2))
        return found


class MajorityTransformer(SupervisedTask):
    """Which of four symbols is the most frequent of twelve, by a transformer of one block."""

    name: ClassVar[str] = "majority-transformer"
    why: ClassVar[str] = "The smallest transformer that does something, and a rule without exceptions."
    dataset: ClassVar[type[Dataset]] = Symbols
    loss: ClassVar[str] = "cross-entropy"
    metric: ClassVar[str] = "accuracy"
    standardise: ClassVar[tuple[str, ...]] = ()
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    default: ClassVar[bool] = False
    budget: ClassVar[float] = 1_500
    tags: ClassVar[frozenset[str]] = frozenset({"classification", "sequence"})
    width: Width = 8

    def network(self) -> nn.Module:
        """An embedding, one block, and a linear layer."""
        return Transformer(self.width)
