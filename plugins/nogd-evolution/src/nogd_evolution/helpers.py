"""What several learners of the package need: weights by rank, rates, and the first deviations."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nogd import Objective, box_sigma

# Of the width of a parameter's box; with the box (-5, 5) a first deviation of 0.1.
SHARE = 0.01
# Parameters of a full covariance matrix: its decomposition takes half a second.
LARGEST_MATRIX = 1_000


def first_deviations(objective: Objective, sigma: float | None, share: float = SHARE) -> Tensor:
    """A first standard deviation for each parameter, `[D]`: sigma, or that share of the box if it is None.

    A box without width, which says nothing of scale, counts as one of width 1.
    """
    if sigma is not None:
        return torch.full((objective.D,), sigma, dtype=objective.dtype, device=objective.device)
    shares = box_sigma(objective.space, share)
    return torch.where(shares > 0, shares, share)


@functools.cache
def utilities(count: int) -> tuple[float, ...]:
    """The utilities of natural evolution strategies for candidates by rank, best first; they add up to 0.

    Source: Wierstra et al. 2014, arXiv:1106.4487, section 3.1.
    """
    raw = [max(0.0, math.log(count / 2 + 1) - math.log(rank)) for rank in range(1, count + 1)]
    total = sum(raw)
    return tuple(weight / total - 1 / count for weight in raw)


def full_matrix_refusal(D: int, instead: str) -> str | None:
    """Why a full matrix of the parameters is refused, and a learner that needs none; None if it is not."""
    if D <= LARGEST_MATRIX:
        return None
    return (
        f"a full covariance matrix of {D:,} parameters takes too long, and {LARGEST_MATRIX:,} are the most; {instead}"
        " needs none"
    )


@dataclass(frozen=True)
class Recombination:
    """Weights of candidates by rank and the rates that follow from them, as CMA-ES has them.

    weights [P]: best first; those of the better half add up to 1, the others are negative. mass: the variance
    effective size of the better half. path, shape: rates of the paths of the step size and the shape; one, many: of
    the shape's update by its path and by all candidates; damping: of the step size; expected: the length of normal
    noise.
    """

    weights: tuple[float, ...]
    mass: float
    path: float
    shape: float
    one: float
    many: float
    damping: float
    expected: float


@functools.cache
def recombination(D: int, count: int, *, separable: bool = False) -> Recombination:
    """The defaults of CMA-ES for D parameters and so many candidates.

    Source: Hansen 2016, arXiv:1604.00772, table 1, with negative weights. A separable covariance, which has no more
    than D numbers, is learnt (D + 2) / 3 times as fast: Ros and Hansen 2008, doi 10.1007/978-3-540-87700-4_30.
    """
    raw = [math.log((count + 1) / 2) - math.log(rank) for rank in range(1, count + 1)]
    mass, negative_mass = (_effective(half) for half in (raw[: count // 2], raw[count // 2 :]))
    faster = (D + 2) / 3 if separable else 1.0
    one = min(1.0, faster * 2 / ((D + 1.3) ** 2 + mass))
    many = faster * 2 * (0.25 + mass + 1 / mass - 2) / ((D + 2) ** 2 + mass)
    many = min(1 - one, many)
    positive_definite = (1 - one - many) / (D * many)
    least = min(1 + one / many, 1 + 2 * negative_mass / (mass + 2), positive_definite)
    better = sum(raw[: count // 2])
    worse = -sum(weight for weight in raw if weight < 0)
    path, shape = path_rates(D, mass)
    return Recombination(
        weights=tuple(weight / better if weight >= 0 else least * weight / worse for weight in raw),
        mass=mass,
        path=path,
        shape=shape,
        one=one,
        many=many,
        damping=1 + 2 * max(0.0, math.sqrt((mass - 1) / (D + 1)) - 1) + path,
        expected=expected_length(D),
    )


def path_rates(D: int, mass: float) -> tuple[float, float]:
    """Rates of the paths of the step size and of the shape, for so many effective candidates."""
    return (mass + 2) / (D + mass + 5), (4 + mass / D) / (D + 4 + 2 * mass / D)


def expected_length(D: int) -> float:
    """The mean length of D standard normal numbers, as Hansen's tutorial approximates it."""
    return math.sqrt(D) * (1 - 1 / (4 * D) + 1 / (21 * D**2))


def _effective(weights: list[float]) -> float:
    """Of how many equal weights the mean would be as exact."""
    return sum(weights) ** 2 / sum(weight**2 for weight in weights)


@functools.cache
def positive_weights(count: int) -> tuple[float, ...]:
    """Weights by rank, best first, 0 for the worse half; they add up to 1."""
    half = count // 2
    raw = [math.log(half + 0.5) - math.log(rank) for rank in range(1, half + 1)]
    return tuple(weight / sum(raw) for weight in raw) + (0.0,) * (count - half)
