"""Probes around one theta: it moves by a radius along each of K directions, which are given or made from seeds."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nogd.engine.candidates.noise import blocks, noise
from nogd.engine.candidates.sets import as_index, as_tensor, weights_of
from nogd.errors import InvalidSetting

_MATRIX = 2


@dataclass(frozen=True, eq=False)
class Subspace:
    """K probes theta + radius * direction, those of the given directions first, then those of the seeds.

    A seed's direction is its standard normal noise, which is made where it is needed and never stored, so that its
    length is about the square root of the number of coordinates.

    :param theta: `[D]`; only read.
    :param directions: `[K, D]`, like theta, or None. What is zero costs nothing: a layer that no probe changes is
        computed once for all, and none below the first one that a probe changes is computed for it.
    :param radius: how far to go along each, above 0.
    :param seeds: whole numbers.
    :param within: the coordinates that change, such as a layer's `weight`; all by default. Directions are then
        `[K, S]`, of these S coordinates alone, and so is the seeds' noise.
    """

    theta: Tensor
    directions: Tensor | None
    radius: float
    seeds: tuple[int, ...] = ()
    within: slice | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "theta", as_tensor(self.theta))
        if self.theta.ndim != 1:
            raise InvalidSetting(
                f"a Subspace takes theta [D], but this one has shape {list(self.theta.shape)}."
            )
        object.__setattr__(self, "within", _checked_within(self.within, len(self.theta)))
        object.__setattr__(self, "seeds", _checked_seeds(self.seeds))
        object.__setattr__(self, "radius", _checked_radius(self.radius))
        object.__setattr__(self, "directions", _checked_directions(self.directions, self._size, self.theta))

    def __len__(self) -> int:
        return len(self.given) + len(self.seeds)

    @property
    def dimension(self) -> int:
        """D."""
        return len(self.theta)

    @property
    def given(self) -> Tensor:
        """The directions that are stored, `[K, S]`."""
        assert self.directions is not None
        return self.directions

    @property
    def places(self) -> tuple[int, int]:
        """The first coordinate that changes, and the one behind the last."""
        assert self.within is not None
        return self.within.start, self.within.stop

    @property
    def _size(self) -> int:
        start, stop = self.places
        return stop - start

    def dense(self) -> Tensor:
        return self.part(range(len(self)), 0, len(self.theta))

    def at(self, k: int) -> Tensor:
        """Candidate k, `[D]`."""
        return self.part([k], 0, len(self.theta))[0]

    def written_out(self, count: int) -> Iterator[Tensor]:
        """All candidates in order, so many at a time, `[count, D]`."""
        for start in range(0, len(self), count):
            yield self.some(range(start, min(len(self), start + count)))

    def some(self, numbers: Sequence[int]) -> Tensor:
        """The candidates of these numbers, in order, `[numbers, D]`."""
        return self.part(numbers, 0, len(self.theta))

    @torch.no_grad()
    def part(self, numbers: Sequence[int], start: int, stop: int) -> Tensor:
        """Coordinates start to stop of the candidates of these numbers, `[numbers, stop - start]`."""
        if numbers and not self.seeds and self.places[0] <= start and stop <= self.places[1]:  # at once
            given = self.given[as_index(numbers), start - self.places[0] : stop - self.places[0]]
            return torch.add(self.theta[start:stop], given, alpha=self.radius)
        return self.moves(numbers, start, stop).mul_(self.radius).add_(self.theta[start:stop])

    def moves(self, numbers: Sequence[int], start: int, stop: int) -> Tensor:
        """The same of their directions, in new memory; the numbers in order."""
        first, last = self.places
        low, high = max(start, first), min(stop, last)
        moves = self.theta.new_empty(len(numbers), stop - start)
        if (low, high) != (start, stop):
            moves.zero_()
        if low < high:
            stored = [number for number in numbers if number < len(self.given)]
            others = [number - len(self.given) for number in numbers if number >= len(self.given)]
            place = slice(low - start, high - start)
            if stored:
                moves[: len(stored), place] = self.given[as_index(stored), low - first : high - first]
            for row, number in zip(moves[len(stored) :], others, strict=True):
                noise(self.seeds[number], low, high, self.theta, row[place])
        return moves

    @torch.no_grad()
    def combine(self, weights: Tensor, out: Tensor) -> None:
        """Add the weighted sum of the directions (without `radius`) to `out`, in place.

        Needs the memory of one block of noise.

        :param weights: `[K]`.
        :param out: `[D]`, like theta.
        """
        weights = weights_of(weights, len(self), self.theta, out).to(self.theta)
        first, last = self.places
        stored = len(self.given)
        if stored:
            out[first:last].addmv_(self.given.T, weights[:stored])
        if not self.seeds:
            return
        for start, stop in blocks(last - first, out.device):
            for seed, factor in zip(self.seeds, weights[stored:].tolist(), strict=True):
                if factor:
                    place = first + start, first + stop
                    out[slice(*place)].add_(noise(seed, *place, self.theta), alpha=factor)

    def moved(self, start: int, stop: int) -> list[bool]:
        """Of each candidate whether it moves any of the coordinates start to stop."""
        first, last = self.places
        low, high = max(start, first), min(stop, last)
        if low >= high:
            return [False] * len(self)
        stored: list[bool] = self.given[:, low - first : high - first].ne(0).any(1).tolist()
        return stored + [True] * len(self.seeds)


def _checked_directions(given: object, size: int, theta: Tensor) -> Tensor:
    if given is None:
        return theta.new_empty(0, size)
    if not isinstance(given, Tensor) or given.ndim != _MATRIX or given.shape[1] != size:
        shape = list(given.shape) if isinstance(given, Tensor) else f"a {type(given).__name__}"
        raise InvalidSetting(f"directions of a Subspace are a tensor [K, {size}] here, not {shape}.")
    if (given.dtype, given.device) != (theta.dtype, theta.device):
        raise InvalidSetting(
            f"directions are to be of theta's kind, {theta.dtype} on {theta.device}, not {given.dtype} on"
            f" {given.device}."
        )
    return given


def _checked_within(within: object, dimension: int) -> slice:
    """As a slice from one coordinate to another."""
    if within is None:
        return slice(0, dimension)
    if isinstance(within, slice) and within.step in (None, 1):
        start, stop = within.start or 0, dimension if within.stop is None else within.stop
        if 0 <= start <= stop <= dimension:
            return slice(start, stop)
    raise InvalidSetting(
        f"`within` is a slice of the {dimension} coordinates, such as a layer's `weight`, not {within!r:.60}."
    )


def _checked_seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    try:
        return tuple(operator.index(seed) for seed in seeds)
    except TypeError:
        raise InvalidSetting(f"seeds of a Subspace are whole numbers, not {seeds!r:.60}.") from None


def _checked_radius(radius: object) -> float:
    try:
        value = float(radius)  # type: ignore[arg-type]  # whatever was given
    except (TypeError, ValueError):
        value = math.nan
    if 0 < value < math.inf:
        return value
    raise InvalidSetting(f"a radius is a finite number above 0, not {radius!r:.60}.")
