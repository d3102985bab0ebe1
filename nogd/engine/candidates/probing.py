"""Probes around one theta through a chain: what lies below the first layer that a probe changes is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nogd.engine.candidates.answers import Answers, Piece
from nogd.engine.candidates.subspace import Subspace
from nogd.engine.layers.chain import Chain
from nogd.engine.layers.steps import ScratchBuffers, Step

# A network of more parameters than this goes through in blocks of at least so many examples, as its weights are made
# for each block: for one probe at a time from seeds, or of stored directions so many elements at a time.
_LARGE, _MANY_ROWS, _WRITTEN = 1 << 16, 1 << 11, 1 << 24


@dataclass(frozen=True)
class Moved:
    """Some probes as the steps of a chain take parameter vectors: written out where, and when, a step asks for them.

    still: where tensors begin that none of these probes moves, so that one row does for all.
    """

    subspace: Subspace
    numbers: list[int]
    still: frozenset[int]

    def __len__(self) -> int:
        return len(self.numbers)

    def moves(self, step: Step) -> bool:
        """Whether any of these probes changes a parameter of the step."""
        return any(tensor.start not in self.still for tensor in step.places)

    def __getitem__(self, places: tuple[slice, slice]) -> Tensor:
        part = places[1]
        if part.start in self.still:
            return self.subspace.theta[None, part]
        return self.subspace.part(self.numbers, part.start, part.stop)


class SubspaceAnswers(Answers):
    """Of the probes of a Subspace, in groups by the first step of the chain that a probe changes.

    numbers: of those that are wanted, in ascending order; all by default.
    """

    def __init__(self, chain: Chain, subspace: Subspace, numbers: Sequence[int] | None = None) -> None:
        super().__init__(chain, len(subspace))
        self._subspace = subspace
        self._moved = {t.start: subspace.moved(t.start, t.stop) for step in chain.own for t in step.places}
        self._groups: dict[int, list[int]] = {}
        for number in range(self.count) if numbers is None else numbers:
            self._groups.setdefault(self._first(number), []).append(number)

    def rows(self, examples: int, device: torch.device) -> int:
        rows = super().rows(examples, device)
        large = self._subspace.dimension > _LARGE and not self.chain.images
        return min(examples, max(rows, _MANY_ROWS)) if large else rows

    def chunk(self, inputs: Tensor) -> int:
        most = super().chunk(inputs)
        dimension = self._subspace.dimension
        if dimension <= _LARGE:
            return most
        return 1 if self._subspace.seeds else min(most, max(1, _WRITTEN // dimension))

    def pieces(self, inputs: Tensor) -> Iterator[Piece]:
        a, base, scratch = self.chain.begin(inputs), ScratchBuffers(inputs), ScratchBuffers(inputs)
        theta = self._subspace.theta[None]
        done = 0
        for place, part in self.parts(inputs):
            for step in self.chain.own[done:place]:
                a = step(theta, a, base)
            done = place
            if place < len(self.chain.own):
                yield part, self.chain.finish(self.moved(part), a, scratch, place)
            else:
                yield part, a.repeat(len(part), *(1,) * (a.ndim - 1))

    def parts(self, inputs: Tensor) -> Iterator[tuple[int, list[int]]]:
        """The probes, some at a time, each with the step from which on they differ, from the first step on."""
        chunk = self.chunk(inputs)
        for place in sorted(self._groups):
            numbers = self._groups[place]
            for start in range(0, len(numbers), chunk):
                yield place, numbers[start : start + chunk]

    def moved(self, numbers: list[int]) -> Moved:
        """These probes as parameter vectors."""
        still = (
            start for start, moved in self._moved.items() if not any(moved[number] for number in numbers)
        )
        return Moved(self._subspace, numbers, frozenset(still))

    def _first(self, number: int) -> int:
        """The step from which on the probe differs from theta; the number of all steps if it does nowhere."""
        steps = enumerate(self.chain.own)
        return next(
            (place for place, step in steps if any(self._moved[t.start][number] for t in step.places)),
            len(self.chain.own),
        )
