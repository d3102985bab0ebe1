"""Candidates of low rank through any module, one call for each: thin products where it multiplies by its weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from nogd.engine.candidates.low_rank import LowRank
from nogd.engine.network import Network

_Factors = list[tuple[Tensor, Tensor | None]]


def called_losses(
    network: Network, candidates: LowRank, rows: Tensor | None, kept: list[Tensor] | None = None
) -> Tensor | None:
    """Losses `[P]`; None where the module does not take thin sums as its parameters, or gives others with them.

    One of a module that keeps weights elsewhere too (a list) would not change with its parameters: the first loss is
    compared with that of the candidate written out.

    kept: where to put the outputs, if they are wanted.
    """
    calls = network.thin
    if calls.works is False or network.conduct.gathers:
        return None
    inputs, targets = network.batch(rows)

    def loss_of(factors: _Factors) -> Tensor:
        outputs = calls.outputs(candidates.theta, factors, inputs)
        if kept is not None:
            kept.append(outputs.clone())  # the loss may write into its own
        return network.loss(outputs, targets)

    try:
        with network.calls():
            found = list(map(loss_of, _factors(candidates)))
    except Exception:  # whatever a forward may raise; if the module is at fault, it says so written out
        calls.works = False
        return None
    losses = torch.stack(found)
    if calls.works is None:
        own = network.losses_of_written(1, candidates.at, rows)
        tolerance = math.sqrt(torch.finfo(own.dtype).eps)
        calls.works = torch.allclose(losses[:1], own, rtol=tolerance, equal_nan=True)
    return losses if calls.works else None


def _factors(candidates: LowRank) -> Iterator[_Factors]:
    """Of each candidate, with its scale in left."""
    for k in range(len(candidates)):
        yield [
            (left[k] * candidates.scale, None if right is None else right[k])
            for left, right in zip(candidates.left, candidates.right, strict=True)
        ]
