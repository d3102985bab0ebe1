"""What the outputs of probes differ by from theta's, followed through a chain step by step.

A difference that is made of two outputs keeps few digits in float32. So a layer that starts to differ gives the
product of its move, a layer that no probe changes the product of the difference, neither of which subtracts anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from nogd.engine.candidates.probing import Moved, SubspaceAnswers
from nogd.engine.candidates.sets import as_index
from nogd.engine.layers.chain import Chain
from nogd.engine.layers.steps import Flatten, Pool, Product, ScratchBuffers, Step, Unfold


@dataclass(frozen=True)
class _Moves:
    """By how much some probes move theta, as the steps of a chain take parameter vectors."""

    moved: Moved

    def __len__(self) -> int:
        return len(self.moved)

    def __getitem__(self, places: tuple[slice, slice]) -> Tensor:
        part, subspace = places[1], self.moved.subspace
        if part.start in self.moved.still:
            return subspace.theta.new_zeros(1, part.stop - part.start)
        return subspace.moves(self.moved.numbers, part.start, part.stop).mul_(subspace.radius)


def trail(chain: Chain, theta: Tensor, inputs: Tensor) -> list[Tensor]:
    """What goes into each of the chain's own steps at theta `[D]`, and behind them the outputs, `[1, ..., n]` each."""
    values = [chain.begin(inputs)]
    for step in chain.own:
        a = values[-1] if step.fresh else values[-1].clone()
        values.append(step(theta[None], a, ScratchBuffers(inputs)))
    return values


def differences(answers: SubspaceAnswers, values: Sequence[Tensor]) -> Tensor:
    """By how much the outputs of each probe differ, `[K, *outputs, n]`. values: the trail of theta."""
    base = values[-1]
    found = base.new_zeros(answers.count, *base.shape[1:])
    scratch = ScratchBuffers(base)
    for place, numbers in answers.parts(base):
        if place < len(answers.chain.own):
            found[as_index(numbers)] = _behind(answers.chain, answers.moved(numbers), values, place, scratch)
    return found


def _behind(
    chain: Chain, moved: Moved, values: Sequence[Tensor], place: int, scratch: ScratchBuffers
) -> Tensor:
    """The difference at the outputs of probes that differ from the step of that number on."""
    difference = _first(chain.own[place], moved, values[place], values[place + 1], scratch)
    for number in range(place + 1, len(chain.own)):
        step, a, after = chain.own[number], values[number], values[number + 1]
        difference = _next(step, moved, a, after, difference, scratch)
    return difference


def _first(step: Step, moved: Moved, a: Tensor, after: Tensor, scratch: ScratchBuffers) -> Tensor:
    """The difference behind the first step that a probe changes, whose input a `[1, ..., n]` they share."""
    if not isinstance(step, Product):
        return step(moved, a, scratch).sub(after)
    moves = _Moves(moved)
    if step.weight.searched:
        bias = step.bias if step.bias is not None and step.bias.searched else None
        return replace(step, bias=bias)(moves, a, scratch)
    assert step.bias is not None
    ones = (1,) * (after.ndim - 2)
    return step.bias.of(moves, step.outputs, *ones).expand(-1, *after.shape[1:]).clone()


def _next(
    step: Step, moved: Moved, a: Tensor, after: Tensor, difference: Tensor, scratch: ScratchBuffers
) -> Tensor:
    """The difference behind a step, from that before it, which is overwritten."""
    if isinstance(step, Product) and not moved.moves(step):
        return replace(step, bias=None)(moved, difference, scratch)
    if isinstance(step, Unfold | Flatten) or (isinstance(step, Pool) and not step.greatest):
        return step(moved, difference, scratch)
    return step(moved, difference.add_(a), scratch).sub_(after)
