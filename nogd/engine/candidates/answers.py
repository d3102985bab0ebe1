"""Outputs of described candidates through a chain, one block of examples after the other; losses follow from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from nogd.engine.candidates.sets import as_index
from nogd.engine.layers.chain import Chain
from nogd.engine.layers.chunks import chunk_size
from nogd.engine.layers.steps import ScratchBuffers
from nogd.engine.losses import Loss

Piece = tuple[list[int], Tensor]
"""Numbers of some candidates, and their outputs `[candidates, *outputs, n]`, good until the next piece is asked for
and meanwhile its reader's to write into."""


class Answers(ABC):
    """Candidates of one kind through a chain; one pass after the other, as they share memory."""

    def __init__(self, chain: Chain, count: int) -> None:
        self.chain, self.count = chain, count

    def rows(self, examples: int, device: torch.device) -> int:
        """How many of the examples make a block."""
        return self.chain.sizes(examples, device)[0]

    @abstractmethod
    def pieces(self, inputs: Tensor) -> Iterator[Piece]:
        """Outputs of all candidates for one block of inputs `[*features, n]`, each once, some at a time."""

    def chunk(self, inputs: Tensor) -> int:
        """How many candidates go through the chain at once."""
        return chunk_size(self.chain.elements * inputs.shape[-1], inputs.device)


class PopulationAnswers(Answers):
    """Of unrelated vectors `[P, D]`."""

    def __init__(self, chain: Chain, thetas: Tensor) -> None:
        super().__init__(chain, len(thetas))
        self._thetas = thetas if thetas.stride(1) == 1 else thetas.contiguous()

    def pieces(self, inputs: Tensor) -> Iterator[Piece]:
        a, scratch, chunk = self.chain.begin(inputs), ScratchBuffers(inputs), self.chunk(inputs)
        for start in range(0, self.count, chunk):
            part = self._thetas[start : start + chunk]
            yield list(range(start, start + len(part))), self.chain.finish(part, a, scratch)


def blocks(answers: Answers, inputs: Tensor) -> Iterator[slice]:
    """The blocks of the examples of inputs `[*features, N]`."""
    examples = inputs.shape[-1]
    rows = answers.rows(examples, inputs.device)
    for begin in range(0, examples, rows):
        yield slice(begin, min(examples, begin + rows))


def answered_losses(answers: Answers, inputs: Tensor, targets: Tensor, loss: Loss) -> Tensor:
    """Losses `[P]`; inputs and targets with the examples last."""
    losses = inputs.new_zeros(answers.count)
    for block in blocks(answers, inputs):
        share = (block.stop - block.start) / inputs.shape[-1]
        for numbers, outputs in answers.pieces(inputs[..., block]):
            losses[as_index(numbers)] += _mean(loss, outputs, targets[..., block]).mul_(share)
    return losses


def answered_outputs(answers: Answers, inputs: Tensor) -> Tensor:
    """Outputs `[P, *outputs, N]`; inputs with the examples last."""
    found = inputs.new_empty(answers.count, *answers.chain.outputs, inputs.shape[-1])
    for block in blocks(answers, inputs):
        for numbers, outputs in answers.pieces(inputs[..., block]):
            found[as_index(numbers), ..., block] = outputs
    return found


def _mean(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    assert loss.batched is not None
    return loss.batched(outputs, targets)
