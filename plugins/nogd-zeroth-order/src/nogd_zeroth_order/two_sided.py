"""The two-sided estimate: slopes along directions from the losses of mirrored pairs."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor

from nogd import Objective
from nogd_zeroth_order import settings
from nogd_zeroth_order.losses import any_finite
from nogd_zeroth_order.stepping import Look, Probes, S, Stepping, mean_size


class TwoSided(Stepping[S]):
    """Base: score theta plus and minus `sigma` times each direction (Nesterov and Spokoiny 2017, doi
    10.1007/s10208-015-9296-2).
    """

    sigma: float = settings.sigma(0.01)
    population: int = settings.pairs(2)

    @abstractmethod
    def probes(self, objective: Objective, state: S, pairs: int) -> Probes:
        """So many mirrored pairs: all sums, then all differences, at `distance`."""

    def distance(self, state: S) -> float:
        """How far along their directions the candidates of this step are."""
        return self.sigma

    def look(self, objective: Objective, state: S, rows: Tensor | None) -> Look | None:
        pairs = min(self.directions(state, self.population // 2), objective.room(rows) // 2)
        probes = self.probes(objective, state, max(1, pairs))
        losses = objective.losses(probes, rows)
        if not any_finite(losses):
            return None
        plus, minus = losses.chunk(2)
        known = bool(state.usual) or bool((plus - minus).isfinite().any())
        return Look(probes, slopes_of(losses, self.distance(state), state.usual), known)


def slopes_of(losses: Tensor, distance: float, usual: float) -> Tensor:
    """Slopes `[K]` along the directions of K pairs.

    Where one side of a pair has no finite loss it counts as a slope of the usual size up to there; where neither has,
    it tells nothing.

    :param losses: of all sums, then of all differences, `[2 K]`.
    :param distance: of the candidates along their directions.
    :param usual: size of a slope, or 0 where none is known yet: then that of these pairs, or 1.
    """
    plus, minus = losses.chunk(2)
    slopes = (plus - minus) / (2 * distance)
    if all(map(math.isfinite, slopes.tolist())):
        return slopes
    finite = slopes.isfinite()
    if not usual and finite.any():
        usual = mean_size(slopes[finite])
    walls = (usual or 1.0) * (plus.isinf().to(slopes) - minus.isinf().to(slopes))
    return torch.where(finite, slopes, walls)


def mirrored(directions: Tensor) -> Tensor:
    """The directions, then their negatives, `[2 K, ...]`."""
    return torch.cat([directions, -directions])


def mean_of(found: Look, factor: float) -> Tensor:
    """Weights `[2 K]` of the candidates for the mean of the directions, each times its slope and this factor.

    Half of a direction's weight goes to either side.
    """
    return mirrored(found.slopes * (factor / len(found.slopes) / 2))


def gradient_of(found: Look) -> Tensor:
    """The estimate of the gradient, `[D]`."""
    gradient = torch.zeros_like(found.probes.theta)
    found.probes.combine(mean_of(found, 1.0), out=gradient)
    return gradient
