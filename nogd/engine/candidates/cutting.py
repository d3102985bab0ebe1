"""Where the candidates of a call may be cut, so that each piece scores to the bits that it has in the whole.

A piece is what the engine computes side by side. How many candidates a matrix product takes at once may decide how it
rounds, so that nothing is cut anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from nogd.engine.candidates.answers import answered_losses, blocks
from nogd.engine.candidates.perturbed import Perturbed, groups_of, perturbed_losses
from nogd.engine.candidates.probing import SubspaceAnswers
from nogd.engine.candidates.scoring import SMALL, Described, at_once
from nogd.engine.candidates.sets import Population
from nogd.engine.candidates.subspace import Subspace
from nogd.engine.network import Network

Piece = list[int]
"""Numbers of candidates."""


@dataclass(frozen=True)
class Cut:
    """A call in pieces.

    :ivar pieces: each candidate is in one of them.
    :ivar score: losses of the candidates of some pieces, one piece after the other.
    """

    pieces: list[Piece]
    score: Callable[[Sequence[Piece]], Tensor]


def joined(pieces: Sequence[Piece]) -> Piece:
    """The candidates of some pieces, one piece after the other."""
    return [number for piece in pieces for number in piece]


def cut(network: Network, candidates: Described, rows: Tensor | None) -> Cut | None:
    """The call in the pieces that `scoring.score` computes it in; None where it is not known how."""
    if isinstance(candidates, Population):
        return _cut_population(network, candidates, rows)
    if isinstance(candidates, Perturbed):
        return _cut_perturbed(network, candidates, rows)
    if isinstance(candidates, Subspace):
        return _cut_subspace(network, candidates, rows)
    return None


def _cut_population(network: Network, candidates: Population, rows: Tensor | None) -> Cut | None:
    if network.chunk(rows) is None:
        return None
    return _written(network, candidates, rows, len(candidates))


def _cut_perturbed(network: Network, candidates: Perturbed, rows: Tensor | None) -> Cut:
    if candidates.dimension > SMALL:
        if network.stack is not None and network.loss.batched is not None:
            return _cut_by_noise(network, candidates, rows)
        if network.calls_each:
            return _cut_by_calls(network, candidates, rows)
    return _written(network, candidates, rows, at_once(candidates))


def _cut_subspace(network: Network, candidates: Subspace, rows: Tensor | None) -> Cut | None:
    chain = network.chain
    if network.loss.batched is None or network.compiled is not None or chain is None:
        return _written(network, candidates, rows, at_once(candidates))
    if len(chain.outputs) != 1:
        return _written(network, candidates, rows, at_once(candidates))
    inputs, targets = network.stack_data(rows)
    answers = SubspaceAnswers(chain, candidates)
    parts = [list(answers.parts(inputs[..., block])) for block in blocks(answers, inputs)]
    if any(
        part != parts[0] for part in parts
    ):  # a last, smaller block of examples takes more candidates at once
        return None

    def score(pieces: Sequence[Piece]) -> Tensor:
        numbers = joined(pieces)
        own = SubspaceAnswers(chain, candidates, sorted(numbers))
        with torch.no_grad():
            return answered_losses(own, inputs, targets, network.loss)[numbers]

    return Cut([numbers for _, numbers in parts[0]], score)


def _written(
    network: Network, candidates: Population | Perturbed | Subspace, rows: Tensor | None, count: int
) -> Cut:
    """Candidates that are written out, so many at a time; each time the network may cut them further."""

    def score(pieces: Sequence[Piece]) -> Tensor:
        return torch.cat([network.losses(candidates.some(piece), rows) for piece in pieces])

    return Cut(list(_ranges(len(candidates), count, network.chunk(rows) or count)), score)


def _ranges(candidates: int, count: int, chunk: int) -> Iterator[Piece]:
    for start in range(0, candidates, count):
        stop = min(candidates, start + count)
        yield from (list(range(first, min(stop, first + chunk))) for first in range(start, stop, chunk))


def _cut_by_noise(network: Network, candidates: Perturbed, rows: Tensor | None) -> Cut:
    """Perturbed stacks, whose pairs may share the making of their noise."""
    assert network.stack is not None
    stack = network.stack
    inputs, targets = network.stack_data(rows)
    groups = {tuple(group[1]): group for group in groups_of(stack, candidates, inputs.shape[1])}

    def score(pieces: Sequence[Piece]) -> Tensor:
        own = [groups[tuple(piece)] for piece in pieces]
        with torch.no_grad():
            return perturbed_losses(stack, candidates, inputs, targets, network.loss, own)[joined(pieces)]

    return Cut([list(places) for places in groups], score)


def _cut_by_calls(network: Network, candidates: Perturbed, rows: Tensor | None) -> Cut:
    """Perturbed modules that are called, one after the other."""

    def score(pieces: Sequence[Piece]) -> Tensor:
        numbers = joined(pieces)
        write = partial(_write, candidates, numbers)
        return network.losses_of_written(len(numbers), write, rows)

    return Cut([[number] for number in range(len(candidates))], score)


def _write(candidates: Perturbed, numbers: Piece, k: int, out: Tensor) -> Tensor:
    return candidates.at(numbers[k], out)
