"""Candidates theta + sigma * noise(seed): of a large network the noise is made anew wherever it is needed."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nogd.engine.candidates.noise import blocks, noise
from nogd.engine.candidates.sets import as_tensor, weights_of
from nogd.engine.layers.stack import Layer, Stack
from nogd.engine.losses import Loss
from nogd.errors import InvalidSetting

# Elements of a weight matrix that are perturbed at a time: large enough for a product at full speed (half as many
# cost it 4 %), small beside a network.
_PIECE = 1 << 21
# The two candidates of a pair are scored side by side, from one making of their noise, while the activations that this
# keeps besides are no more than this share of the parameters.
_BESIDES = 8
# Elements of noise that are kept between scoring and combining; a million and more are made anew, for their memory.
_KEPT = 1 << 18


Group = tuple[int, list[int], list[float]]
"""The seed of some candidates, their numbers, and the factors of their noise."""


@dataclass(frozen=True, eq=False)
class Perturbed:
    """theta plus sigma times the standard normal noise of each seed, which is kept for small networks alone.

    Source of the memory-free form: Malladi et al., arXiv:2305.17333; of the mirrored pairs: Salimans et al.,
    arXiv:1703.03864.

    :param theta: `[D]`; only read.
    :param seeds: K integers.
    :param sigma: standard deviation of the noise.
    :param antithetic: whether each noise is also subtracted. The candidates are then first all sums, then all
        differences, 2 K in all.
    """

    theta: Tensor
    seeds: tuple[int, ...]
    sigma: float
    antithetic: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "theta", as_tensor(self.theta))
        if self.theta.ndim != 1:
            raise InvalidSetting(
                f"Perturbed takes theta [D], but this one has shape {list(self.theta.shape)}."
            )
        try:
            object.__setattr__(self, "seeds", tuple(operator.index(seed) for seed in self.seeds))
            object.__setattr__(self, "sigma", float(self.sigma))
        except (TypeError, ValueError):
            raise InvalidSetting(
                f"Perturbed takes seeds that are whole numbers and a number sigma, not {self.seeds!r:.60} and"
                f" {self.sigma!r:.60}."
            ) from None
        object.__setattr__(self, "_kept", {})

    def __len__(self) -> int:
        return len(self.seeds) * (2 if self.antithetic else 1)

    @property
    def dimension(self) -> int:
        """D."""
        return len(self.theta)

    def dense(self) -> Tensor:
        return torch.cat([self.theta.new_empty(0, len(self.theta)), *self.written_out(max(1, len(self)))])

    def written_out(self, count: int) -> Iterator[Tensor]:
        """All candidates in order, so many at a time, `[count, D]`."""
        moves = self.moves()
        if count == 1:  # nothing beside the candidate itself
            yield from (self.at(k)[None] for k in range(len(moves)))
            return
        for start in range(0, len(moves), count):
            yield self.some(range(start, min(len(moves), start + count)))

    def some(self, numbers: Sequence[int]) -> Tensor:
        """The candidates of these numbers, at least one, `[numbers, D]`."""
        moves = self.moves()
        part = [moves[number] for number in numbers]
        # A pair shares its noise, where both are asked for at once.
        made = {seed: self._noise(seed, 0, len(self.theta)) for seed, _ in part}
        return torch.stack([torch.add(self.theta, made[seed], alpha=scale) for seed, scale in part])

    @torch.no_grad()
    def at(self, k: int, out: Tensor | None = None) -> Tensor:
        """Candidate k, `[D]`. out: where to put it."""
        seed, scale = self.moves()[k]
        made = noise(seed, 0, len(self.theta), self.theta, out)
        return torch.add(self.theta, made, alpha=scale, out=made)

    def moves(self) -> list[tuple[int, float]]:
        """Of each candidate the seed of its noise and the factor before it."""
        sums = [(seed, self.sigma) for seed in self.seeds]
        return sums + [(seed, -self.sigma) for seed in self.seeds] if self.antithetic else sums

    @torch.no_grad()
    def combine(self, weights: Tensor, out: Tensor) -> None:
        """Add the weighted sum of the candidates' noises to `out`, in place (of a difference's noise, minus).

        Needs the memory of one block of noise.

        :param weights: `[P]`.
        :param out: `[D]`, like theta.
        """
        factors = weights_of(weights, len(self), self.theta, out).tolist()
        if self.antithetic:
            half = len(self.seeds)
            factors = [plus - minus for plus, minus in zip(factors[:half], factors[half:], strict=True)]
        for start, stop in blocks(len(out), out.device):
            part = out[start:stop]
            for seed, factor in zip(self.seeds, factors, strict=True):
                if factor:
                    part.add_(self._noise(seed, start, stop), alpha=factor)

    def _noise(self, seed: int, start: int, stop: int) -> Tensor:
        """The noise of a seed, only to be read; kept where that of all seeds is small."""
        if len(self.seeds) * self.dimension > _KEPT:
            return noise(seed, start, stop, self.theta)
        kept: dict[int, Tensor] = self._kept  # type: ignore[attr-defined]  # no field: it is no part of what they are
        if seed not in kept:
            kept[seed] = noise(seed, 0, self.dimension, self.theta)
        return kept[seed] if stop - start == self.dimension else kept[seed][start:stop]


def perturbed_losses(
    stack: Stack,
    candidates: Perturbed,
    inputs: Tensor,
    targets: Tensor,
    loss: Loss,
    groups: Iterable[Group] | None = None,
) -> Tensor:
    """Losses `[P]` of perturbed stacks, one after the other (or pair by pair), in the memory of a plain forward pass.

    inputs `[features, N]`, targets features first. groups: those to score, by default all; what is in no group is left
    unset.
    """
    assert loss.batched is not None
    losses = candidates.theta.new_empty(len(candidates))
    for seed, places, scales in groups_of(stack, candidates, inputs.shape[1]) if groups is None else groups:
        noises = _Noises(candidates.theta, seed, scales)
        for place, outputs in zip(places, _forward(stack, noises, inputs), strict=True):
            losses[place] = loss.batched(outputs[None], targets)[0]
    return losses


def groups_of(stack: Stack, candidates: Perturbed, examples: int) -> Iterator[Group]:
    """Each seed with the candidates that are scored side by side, none of which another group touches."""
    widest = max(layer.outputs for layer in stack.layers) * examples
    moves, pairs = candidates.moves(), len(candidates.seeds)
    if candidates.antithetic and widest * _BESIDES <= candidates.dimension:
        for place, (seed, scale) in enumerate(moves[:pairs]):
            yield seed, [place, place + pairs], [scale, -scale]
    else:
        for place, (seed, scale) in enumerate(moves):
            yield seed, [place], [scale]


@dataclass(frozen=True)
class _Noises:
    """theta moved by the noise of one seed, times each of the factors."""

    theta: Tensor
    seed: int
    factors: list[float]

    def moved(self, start: int, stop: int, room: list[Tensor] | None = None) -> list[Tensor]:
        """Places start to stop of theta, moved, for each factor, each in its place of `room` if that is given."""
        size, part = stop - start, self.theta[start:stop]
        *others, own = (
            [part.new_empty(size) for _ in self.factors] if room is None else [r[:size] for r in room]
        )
        made = noise(self.seed, start, stop, self.theta, own)
        *factors, last = self.factors
        return [
            *(torch.add(part, made, alpha=factor, out=r) for factor, r in zip(factors, others, strict=True)),
            torch.add(part, made, alpha=last, out=made),
        ]

    def weights(self, layer: Layer, units: int) -> Iterator[tuple[slice, list[Tensor]]]:
        """The layer's weights, so many units at a time: which units, and `[units, inputs]` for each factor.

        Good until the next ones are asked for, which take their place.
        """
        room = [self.theta.new_empty(min(units, layer.outputs) * layer.inputs) for _ in self.factors]
        for first in range(0, layer.outputs, units):
            last = min(layer.outputs, first + units)
            start = layer.weight.start
            pieces = self.moved(start + first * layer.inputs, start + last * layer.inputs, room)
            yield slice(first, last), [piece.view(-1, layer.inputs) for piece in pieces]

    def biases(self, layer: Layer) -> list[Tensor]:
        """The layer's biases, `[outputs, 1]` for each factor; zeros if it has none."""
        if layer.bias is None:
            return [self.theta.new_zeros(layer.outputs, 1)] * len(self.factors)
        return [piece[:, None] for piece in self.moved(layer.bias.start, layer.bias.stop)]


def _forward(stack: Stack, noises: _Noises, inputs: Tensor) -> list[Tensor]:
    """Outputs `[outputs, N]` for each factor."""
    a = [inputs] * len(noises.factors)
    *layers, last = stack.layers
    before = layers.pop() if layers and last.inputs * last.outputs <= _PIECE else None
    for layer in layers:
        a = _whole(layer, noises, a)
    return _whole(last, noises, a) if before is None else _ending(before, last, noises, a)


def _whole(layer: Layer, noises: _Noises, inputs: list[Tensor]) -> list[Tensor]:
    """The layer's activations `[outputs, N]` for each factor."""
    z = [a.new_empty(layer.outputs, a.shape[1]) for a in inputs]
    for units, pieces in noises.weights(layer, max(1, _PIECE // layer.inputs)):
        for each, weights, a in zip(z, pieces, inputs, strict=True):
            torch.mm(weights, a, out=each[units])
    return [layer.activate(each.add_(b)) for each, b in zip(z, noises.biases(layer), strict=True)]


def _ending(before: Layer, last: Layer, noises: _Noises, inputs: list[Tensor]) -> list[Tensor]:
    """Outputs of the last two layers `[outputs, N]`; what is between them is never whole, to need less memory."""
    examples = inputs[0].shape[1]
    z = [b.repeat(1, examples) for b in noises.biases(last)]
    [(_, outer)] = noises.weights(last, last.outputs)
    biases = noises.biases(before)
    count = max(1, min(_PIECE // before.inputs, 2 * _PIECE // max(1, examples)))
    room = inputs[0].new_empty(min(count, before.outputs), examples)
    for units, pieces in noises.weights(before, count):
        for each, weights, a, b, v in zip(z, pieces, inputs, biases, outer, strict=True):
            made = torch.mm(weights, a, out=room[: len(weights)])
            each.addmm_(v[:, units], before.activate(made.add_(b[units])))
    return [last.activate(each) for each in z]
