"""Incoming weights that a hidden unit may try: planes between two examples, and turns towards what outputs lack."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from nogd.engine.layers.units import HiddenUnit
from nogd.engine.readout.unit_view import UnitView

KINDS = ("near", "separating", "turned")
# What each kind has at least of the candidates.
_FLOOR = 0.1
_LEAST = 1e-12
# The least share of a unit's inputs by which it is turned.
_NEAREST = 0.05


def shared(count: int, gains: Sequence[float], possible: Sequence[bool]) -> list[int]:
    """How many of so many candidates each kind has, in proportion to what it gains, and some in any case."""
    top, kinds = max(gains), sum(possible)
    known = [may * (gain / top if top > 0 else 1.0) for gain, may in zip(gains, possible, strict=True)]
    total = sum(known)
    if total == 0:  # what gained is not possible
        known, total = [float(may) for may in possible], kinds
    rest = 1 - kinds * _FLOOR
    shares = [may * (_FLOOR + rest * gain / total) for gain, may in zip(known, possible, strict=True)]
    exact = [count * share for share in shares]
    counts = [int(each) for each in exact]
    order = sorted(range(len(exact)), key=lambda kind: counts[kind] - exact[kind])
    for kind in order[: count - sum(counts)]:
        counts[kind] += 1
    return counts


def cut(counts: Sequence[int], most: int) -> list[int]:
    """So many in all at most; the first kinds lose theirs first."""
    excess, kept = max(0, sum(counts) - most), []
    for count in counts:
        lost = min(excess, count)
        kept.append(count - lost)
        excess -= lost
    return kept


def separating(examples: Tensor, count: int, own: Tensor, rng: Generator) -> Tensor:
    """Weights `[count, F]` of planes between two examples, as large as the unit's own without its bias.

    :param examples: what goes into the unit's layer, `[N, F - 1]`.
    """
    if count == 0:  # of a unit without a bias there are none
        return own.new_zeros(0, len(own))
    places = torch.randint(len(examples), (count,), generator=rng, device=examples.device)
    further = torch.randint(1, max(2, len(examples)), (count,), generator=rng, device=examples.device)
    first = examples[places]
    along = examples[(places + further) % len(examples)] - first
    share = torch.rand(count, 1, generator=rng, dtype=own.dtype, device=own.device)
    weights = nn.functional.normalize(along, dim=1) * own[:-1].norm()
    return torch.cat([weights, -((first + share * along) * weights).sum(1, keepdim=True)], 1)


def guides(view: UnitView, unit: HiddenUnit, own: Tensor, count: int, known: int, rng: Generator) -> Tensor:
    """Unit vectors `[count, F]`: how the unit's inputs are correlated with what the outputs lack.

    What is lacking is a weighted sum of the outputs' errors, by weights that the unit has for the outputs, or by random
    ones. For every second guide only the inputs near the unit's plane count, where a small turn changes most; how many
    that are is drawn. A bias follows the others: the plane goes through the mean of the inputs.

    :param own: the unit's incoming weights, `[F]`.
    :param known: how many of the guides, the first ones, go by the unit's own weights for the outputs.
    """
    inputs, error = view.inputs, view.error
    assert inputs is not None
    weights = torch.randn(count, error.shape[1], generator=rng, dtype=error.dtype, device=error.device)
    weights[:known] = _own_weights(view.last, unit)
    lacking = -(weights @ error.T)
    mean = inputs.mean((0, 1))
    sums = lacking @ (inputs.sum(1) - inputs.shape[1] * mean)
    near = _near_plane(inputs, unit, own, rng)
    sums[1::2] = lacking[1::2] @ ((near[:, None] @ inputs)[:, 0] - near.sum(1, keepdim=True) * mean)
    toward = nn.functional.normalize(sums.nan_to_num(0.0, 0.0, 0.0), dim=1)
    return toward if not unit.bias else torch.cat([toward, -(toward @ mean)[:, None]], 1)


def _near_plane(inputs: Tensor, unit: HiddenUnit, own: Tensor, rng: Generator) -> Tensor:
    """1 for the inputs nearest to the unit's plane, a share drawn on a log scale, else 0: `[N, places]`."""
    distance = (inputs @ own[: unit.fan_in] + (own[-1] if unit.bias else 0.0)).abs()
    share = _NEAREST ** float(torch.rand(1, generator=rng, dtype=own.dtype, device=own.device))
    rank = max(1, math.ceil(share * distance.numel()))
    return (distance <= distance.flatten().kthvalue(rank).values).to(inputs.dtype)


def flops_of_guides(view: UnitView, count: int) -> float:
    """Floating-point operations of so many guides."""
    assert view.inputs is not None
    examples, outputs = view.error.shape
    return examples * count * (2.0 * outputs + 3.0 * view.inputs.shape[2]) + 6.0 * view.inputs.numel()


def turns(own: Tensor, toward: Tensor, lengths: Tensor, fan_in: int) -> Tensor:
    """The unit's weights `[F]`, each moved by a length of its size, and brought back to it: `[count, F]`."""
    size = own[:fan_in].norm()
    size = size if float(size) > 0 else size.new_ones(())
    moved = own + lengths * size * toward
    scale: Tensor = size / moved[:, :fan_in].norm(dim=1, keepdim=True).clamp_min(_LEAST)
    return torch.mul(moved, scale)


def _own_weights(last: Tensor, unit: HiddenUnit) -> Tensor:
    """What the outputs have of the unit, `[out]`, if its layer's units follow one another in the last layer's inputs.

    Of a deeper layer's unit these are another feature's, as good as any.
    """
    return last[:, unit.number % last.shape[1]]
