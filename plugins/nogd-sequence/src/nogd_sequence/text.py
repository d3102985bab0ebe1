"""A text in bytes, cut into windows; see LICENSE-text.txt for where it is from."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import NamedTuple

import torch
from torch import Generator, Tensor

CONTEXT = 6
# Share of the text and number of windows of training, validation and test: parts of the text that follow each other.
PARTS = ((0.70, 4_000), (0.15, 1_000), (0.15, 1_000))
# Of a pair of bytes that was not seen, in units of how often its second byte is.
SMOOTHING = 0.3


class Text(NamedTuple):
    """The text as numbers from 0 to kinds - 1, `[bytes]`."""

    numbers: Tensor
    kinds: int


@functools.cache
def text() -> Text:
    """The package's text."""
    read = torch.tensor(list(files("nogd_sequence").joinpath("text.txt").read_bytes()))
    known = read.unique()
    return Text(torch.searchsorted(known, read), len(known))


def windows() -> list[Tensor]:
    """For training, validation and test: seven bytes that follow each other in each row, int64 `[N, 7]`.

    A window that one part has is left out of those behind it: else what was learnt by heart would count as a guess.
    """
    numbers, kinds = text()
    rng, begun = Generator().manual_seed(8), 0.0
    found: list[Tensor] = []
    seen = torch.zeros(0, dtype=torch.int64)
    for share, count in PARTS:
        part = numbers[round(begun * len(numbers)) : round((begun + share) * len(numbers))]
        rows = part.unfold(0, CONTEXT + 1, 1)[torch.randperm(len(part) - CONTEXT, generator=rng)]
        codes = (rows * kinds ** torch.arange(CONTEXT + 1)).sum(1)
        new = (~torch.isin(codes, seen)).nonzero()[:count, 0]
        rows, seen = rows[new], torch.cat([seen, codes[new]])
        found.append(rows)
        begun += share
    return found


def unigram(train: Tensor, kinds: int) -> Tensor:
    """Shares `[kinds]` of the bytes at the ends of windows `[M, 7]`; half a byte more of each."""
    counts = torch.bincount(train[:, -1], minlength=kinds).double() + 0.5
    return counts / counts.sum()


def bigram(train: Tensor, seen: Tensor, kinds: int) -> Tensor:
    """Shares `[N, kinds]` of what follows bytes `[N]`, by the pairs at the ends of windows `[M, 7]`."""
    pairs = torch.zeros(kinds, kinds, dtype=torch.float64)
    once = torch.ones(len(train), dtype=torch.float64)
    pairs.index_put_((train[:, -2], train[:, -1]), once, accumulate=True)
    weighed = pairs + SMOOTHING * kinds * unigram(train, kinds)
    return (weighed / weighed.sum(1, keepdim=True))[seen]
