"""What the relatives of CMA-ES share: paths of the mean, by whose lengths the step size is adapted."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from nogd_evolution.distribution import DistributionState
from nogd_evolution.helpers import Recombination


@dataclass(kw_only=True)
class PathState(DistributionState):
    """step: the step size. step_path, shape_path [D]: where the mean has gone, in turned and in own coordinates."""

    step_path: Tensor
    shape_path: Tensor
    step: float = 1.0


def follow(path: Tensor, move: Tensor, rate: float, mass: float) -> Tensor:
    """The path after a mean move of so many effective candidates; by chance alone it stays standard normal."""
    return (1 - rate) * path + math.sqrt(rate * (2 - rate) * mass) * move


def follow_both(state: PathState, rates: Recombination, noise: Tensor, move: Tensor) -> float:
    """Both paths after a step, and the step size.

    noise [D]: the weighted mean of what was drawn; move [D]: what the covariance makes of it. Returns the share of the
    shape that is lost where the step size's path is so long that the shape does not follow (h_sigma = 0 in Hansen's
    tutorial).
    """
    D = len(noise)
    state.step_path = follow(state.step_path, noise, rates.path, rates.mass)
    length = float(state.step_path.norm())
    # It starts at 0, and takes some steps to grow to its usual length.
    usual = math.sqrt(1 - (1 - rates.path) ** (2 * (state.iteration + 1)))
    is_long = not length / usual < (1.4 + 2 / (D + 1)) * rates.expected
    state.shape_path = follow(state.shape_path, 0 * move if is_long else move, rates.shape, rates.mass)
    state.step *= math.exp(rates.path / rates.damping * (length / rates.expected - 1))
    return rates.shape * (2 - rates.shape) if is_long else 0.0


def evened(weights: Tensor, squares: Tensor) -> Tensor:
    """Negative weights such that all bad candidates count as if they were at the same distance from the mean.

    squares: of the noise, `[P, D]`.
    """
    return weights.where(weights >= 0, weights * squares.shape[1] / squares.sum(1))
