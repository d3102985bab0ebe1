"""What many learners need, written once: weights by rank, a population's default size, step sizes from the box."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nogd.engine.losses import ranked
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting


def rank_weights(losses: Tensor) -> Tensor:
    """Weights by rank alone, from 0.5 for the lowest loss down to -0.5 for the highest.

    Equal losses share the mean of their ranks, NaN and infinities rank last together, and the weights add up to 0; a
    single loss, or losses that are all equal, get 0. These are the "centred ranks" of Salimans et al. 2017,
    arXiv:1703.03864.

    :param losses: those of one call, `[P]`. Of mirrored pairs, rank all together and then subtract the weights in
        pairs.
    :returns: the weights, `[P]`.
    """
    _, places, counts = torch.unique(ranked(losses), return_inverse=True, return_counts=True)
    first = counts.cumsum(0) - counts
    ranks = (first + (counts - 1) / 2).to(losses.dtype)[places]
    return 0.5 - ranks / (len(losses) - 1) if len(losses) > 1 else torch.zeros_like(losses)


def default_population(D: int) -> int:
    """Candidates per generation for D parameters, `4 + floor(3 ln D)`: the usual default of evolution strategies.

    Source: Hansen 2016, "The CMA Evolution Strategy: A Tutorial", arXiv:1604.00772.

    :param D: number of searched parameters, at least 1.
    :raises InvalidSetting: if D is below 1.
    """
    if D < 1:
        raise InvalidSetting(f"D is the number of searched parameters, at least 1, not {D}.")
    return 4 + math.floor(3 * math.log(D))


def box_sigma(space: ParameterSpace, share: float) -> Tensor:
    """A step size for each parameter: a fraction of the width of its search box.

    :param space: the objective's.
    :param share: the fraction of `high - low`, positive and finite; CMA-ES starts with 0.3 (Hansen 2016).
    :returns: step sizes `[D]`, in theta's units.
    :raises InvalidSetting: if `share` is not positive and finite.
    """
    if not 0 < share < math.inf:
        raise InvalidSetting(f"share is a positive number, the part of the box's width, not {share!r:.60}.")
    return share * (space.high - space.low)
