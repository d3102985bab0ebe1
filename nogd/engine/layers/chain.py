"""Score a population through a chain of steps, in chunks of candidates and blocks of examples that fit the cache."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nogd.engine.layers.chunks import chunk_elements, chunk_size
from nogd.engine.layers.parts import NotUnderstood
from nogd.engine.layers.steps import Copy, Elementwise, Ones, Product, ScratchBuffers, Shape, Step, Thetas
from nogd.engine.losses import Loss

# A product over fewer columns pays more for its start than for its work; an image has many of its own.
FEWEST_ROWS = 256
FEWEST_IMAGES = 64
LONG_PRODUCT = 256


@dataclass(frozen=True)
class Chain:
    """Steps one after the other, as they were read. shared: what is done before candidates differ; own: the rest.

    elements: of the widest value of one candidate and one example. outputs: the shape of what comes out. images:
    whether what goes in has more than one axis of features.
    """

    steps: tuple[Step, ...]
    shared: tuple[Step, ...]
    own: tuple[Step, ...]
    elements: int
    outputs: Shape
    images: bool

    def forward(self, thetas: Tensor, inputs: Tensor) -> Tensor:
        """Outputs `[P, *outputs, N]` of thetas `[P, D]` for inputs `[*features, N]`."""
        return self.finish(thetas, self.begin(inputs), ScratchBuffers(inputs))

    def losses(self, thetas: Tensor, inputs: Tensor, targets: Tensor, loss: Loss) -> Tensor:
        """Losses `[P]` of thetas `[P, D]`; inputs and targets with the examples last."""
        assert loss.batched is not None
        thetas, scratch = thetas if thetas.stride(1) == 1 else thetas.contiguous(), ScratchBuffers(inputs)
        examples = inputs.shape[-1]
        total = thetas.new_zeros(len(thetas))
        rows, chunk = self.sizes(examples, inputs.device)
        for begin in range(0, examples, rows):
            a, y = self.begin(inputs[..., begin : begin + rows]), targets[..., begin : begin + rows]
            parts = [loss.batched(self.finish(part, a, scratch), y) for part in thetas.split(chunk)]
            # Every such loss is a mean over examples, so that of all is the mean of the blocks', each by its share.
            total += torch.cat(parts).mul_(a.shape[-1] / examples)
        return total

    def sizes(self, examples: int, device: torch.device) -> tuple[int, int]:
        """Examples of a block and candidates of a chunk, from the shapes and the kind of device alone."""
        most = chunk_elements(device)
        fewest = FEWEST_IMAGES if self.images else FEWEST_ROWS
        rows = min(examples, max(fewest, most // self.elements))
        return rows, chunk_size(self.elements * rows, device)

    def before_last(self, features: Shape) -> Chain:
        """The chain without its last step, for inputs of these features; its outputs may be the same for all."""
        steps = self.steps[:-1]
        if any(step.searched for step in steps):
            return make_chain(steps, features)
        shapes = list(itertools.accumulate(steps, lambda shape, step: step.shape(shape), initial=features))
        widest = max(map(math.prod, shapes))
        return Chain(steps, tuple(_guarded(steps)), (), widest, shapes[-1], images=len(features) > 1)

    def begin(self, inputs: Tensor) -> Tensor:
        """What all candidates share of inputs `[*features, N]`, `[1, *features, N]`."""
        a, scratch = inputs[None], ScratchBuffers(inputs)
        for step in self.shared:
            a = step(inputs, a, scratch)
        return a

    def finish(self, thetas: Thetas, a: Tensor, scratch: ScratchBuffers, start: int = 0) -> Tensor:
        """Outputs `[P, *outputs, N]` of thetas, from what goes into the step of number `start` of `own`.

        They lie in the scratch buffers, or in a itself.
        """
        for step in self.own[start:]:
            a = step(thetas, a, scratch)
        return a


def make_chain(steps: Sequence[Step], features: Shape) -> Chain:
    """The steps as a Chain for inputs of these features. Raises NotUnderstood where candidates would not differ."""
    first = next((k for k, step in enumerate(steps) if step.searched), None)
    if first is None:
        raise NotUnderstood("none of its searched parameters is used")
    shared, own = list(_guarded(steps[:first])), list(steps[first:])
    if isinstance(own[0], Product) and _gains_from_ones(own[0]):
        shared.append(Ones())
        own[0] = replace(own[0], ones=True)
    shapes = list(
        itertools.accumulate([*shared, *own], lambda shape, step: step.shape(shape), initial=features)
    )
    widest = max(math.prod(shape) for shape in shapes[len(shared) + 1 :])
    return Chain(tuple(steps), tuple(shared), tuple(own), widest, shapes[-1], images=len(features) > 1)


def _gains_from_ones(head: Product) -> bool:
    """Whether to add the bias within the product; a long product hardly notices adding it, and need not be copied."""
    searched = head.weight.searched and head.bias is not None and head.bias.searched
    return searched and head.inputs <= LONG_PRODUCT


def _guarded(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps with a copy before the first that could overwrite the data."""
    if any(isinstance(step, Elementwise) for step in itertools.takewhile(lambda step: not step.fresh, steps)):
        yield Copy()
    yield from steps
