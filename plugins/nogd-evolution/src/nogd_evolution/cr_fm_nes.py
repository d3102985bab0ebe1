"""CR-FM-NES: a natural evolution strategy with a covariance of a diagonal and one direction, for many parameters."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import field_validator
from torch import Generator, Tensor

from nogd import Objective, default_population
from nogd_evolution.distribution import Distribution
from nogd_evolution.helpers import expected_length, path_rates, utilities
from nogd_evolution.paths import PathState, follow

SMALLEST = 2


@dataclass(kw_only=True)
class FmState(PathState):
    """diagonal, direction [D]: of the covariance, step^2 diagonal (I + direction direction^T) diagonal."""

    diagonal: Tensor
    direction: Tensor


class CrFmNes(Distribution[FmState]):
    """Move fast where the mean has gone far, with a covariance of a diagonal and one more direction.

    Candidates come in mirrored pairs. As long as the path of the mean is longer than chance would have it, distant
    candidates count more and the step size follows at its full rate; once it is short, the step size converges.
    Memory and arithmetic grow with D alone. Candidates without a finite loss rank last, the most distant ones at the
    end, and slow the learning down. Up to 5 parameters, where the paper's rate of the path is not positive, the path
    is left out. A step, which is an iteration, costs `population` forwards. Source: Nomura and Ono 2022,
    arXiv:2201.11422, whose defaults it has.
    """

    name: ClassVar[str] = "cr-fm-nes"

    @field_validator("population")
    @classmethod
    def _comes_in_pairs(cls, population: int | None) -> int | None:
        if population is not None and population % 2:
            raise ValueError("candidates come in pairs, so it is an even number")
        return population

    def size(self, D: int) -> int:
        return (default_population(D) + 1) // 2 * 2 if self.population is None else self.population

    def supports(self, objective: Objective) -> str | None:
        if objective.D >= SMALLEST:
            return None
        return "a diagonal and a direction of a single parameter cannot be told apart; snes takes one"

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> FmState:
        direction = torch.empty_like(theta).normal_(generator=rng)
        return FmState(
            **self.common(objective, theta, rng),
            step_path=torch.zeros_like(theta),
            shape_path=torch.zeros_like(theta),
            diagonal=torch.ones_like(theta),
            direction=direction / math.sqrt(len(theta)),
        )

    def draw(self, state: FmState, count: int) -> Tensor:
        both = state.theta.new_empty((count + 1) // 2 * 2, len(state.theta))
        plus, minus = both.chunk(2)
        torch.neg(plus.normal_(generator=state.rng), out=minus)
        return both[:count]

    def offsets(self, state: FmState, noise: Tensor) -> Tensor:
        return _stretched(state, noise).mul_(state.step * state.diagonal)

    def learn(self, state: FmState, noise: Tensor, losses: Tensor) -> None:
        (count, D), feasible = noise.shape, int(losses.isfinite().sum())
        if feasible < count:
            lost = noise[feasible:]
            noise = torch.cat([noise[:feasible], lost[lost.square().sum(1).argsort(stable=True)]])
        ranked = noise.new_tensor(utilities(count))
        mass = 1 / float((ranked + 1 / count).square().sum())
        path, shape = path_rates(D, mass)
        state.step_path = follow(state.step_path, ranked @ noise, path, mass)
        length = float(state.step_path.norm()) / expected_length(D)
        weights = _distant(ranked, noise, feasible) if length >= 1 else ranked
        stretched = _stretched(state, noise)
        move = state.diagonal * (weights @ stretched)
        state.shape_path = follow(state.shape_path, move, shape, mass)
        self.move(state, state.step * move)
        _reshape(state, stretched, weights, *_shape_rates(D, count, feasible, mass))
        growth = float(weights @ noise.square_().sub_(1).sum(1)) / D
        state.step *= math.exp(_step_rate(D, feasible, length) / 2 * growth)

    def largest(self, state: FmState) -> float:
        return state.step * float(state.diagonal.max())


def _stretched(state: FmState, noise: Tensor) -> Tensor:
    """By the direction alone: (I + v v^T)^(1/2) z."""
    length = state.direction.norm()
    unit = state.direction / length
    return torch.addr(noise, noise @ unit, unit * ((1 + length**2).sqrt() - 1))


def _distant(ranked: Tensor, noise: Tensor, feasible: int) -> Tensor:
    """Weights of a fast move: by rank, and larger for what is far away; they add up to 0."""
    count, D = noise.shape
    alpha = _distance_rate(D) * min(1.0, math.sqrt(count / D)) * math.sqrt(feasible / count)
    weights: Tensor = (ranked + 1 / count) * (alpha * noise.norm(dim=1)).exp()
    return weights.div(weights.sum()) - 1 / count


@functools.cache
def _distance_rate(D: int) -> float:
    """The a for which (1 + a^2) exp(a^2 / 2) / 0.24 = 10 + D, by bisection."""
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        above = (1 + middle**2) * math.exp(middle**2 / 2) / 0.24 > 10 + D
        low, high = (low, middle) if above else (middle, high)
    return low


def _step_rate(D: int, feasible: int, length: float) -> float:
    """Of the step size, by how long its path is: moving, stagnating or converging."""
    if length >= 1:
        return 1.0
    if length >= 0.1:
        return math.tanh((0.024 * feasible + 0.7 * D + 20) / (D + 12))
    return 2 * math.tanh((0.025 * feasible + 0.75 * D + 10) / (D + 4))


def _shape_rates(D: int, count: int, feasible: int, mass: float) -> tuple[float, float]:
    """Of the shape by its path, which would be negative below 5 parameters, and by the candidates."""
    one = max(0.0, 2 / ((D + 1.3) ** 2 + mass) * (D - 5) / 6 * feasible / count)
    return one, math.tanh((min(0.02 * feasible, 3 * math.log(D)) + 5) / (0.23 * D + 25))


def _reshape(state: FmState, stretched: Tensor, weights: Tensor, one: float, many: float) -> None:
    """A natural gradient step of the diagonal and the direction, by all candidates and the path.

    Names are those of the paper, and of VD-CMA, which it follows: Akimoto et al. 2014, doi 10.1145/2576768.2598258.
    """
    v, y = state.direction, torch.cat([stretched, (state.shape_path / state.diagonal)[None]])
    square = v.square().sum()
    unit = v / square.sqrt()
    units, gamma = unit.square(), 1 + square
    alpha = ((square**2 + (2 * gamma - gamma.sqrt()) / units.max()).sqrt() / (2 + square)).clamp(max=1)
    along = (y @ unit)[:, None]
    room, other = torch.empty_like(y), torch.empty_like(y)  # for terms: fresh memory takes as long as they do
    t = (y * along).sub_(torch.mul(unit, along.square() + gamma, out=room).div_(2))
    b = -(1 - alpha**2) * square**2 / gamma + 2 * alpha**2
    inverse = 1 / (2 - (b + 2 * alpha**2) * units)
    term = torch.mul(y, unit, out=room).mul_(along).mul_(square / gamma)
    s = y.square_().sub_(term).sub_(1)
    term = torch.mul(t, 2 + square, out=room).mul_(unit)
    term.sub_(torch.mul(square * (t @ unit)[:, None], units, out=other)).mul_(alpha / gamma)
    s.sub_(term)
    scaled = inverse * units
    weight = b / (1 + b * (units @ scaled))
    term = torch.mul(weight * (s @ scaled)[:, None], scaled, out=room)
    s.mul_(inverse).sub_(term)
    term = torch.mul(s, 2 + square, out=room).mul_(unit)
    term.sub_(torch.mul((s @ units)[:, None], unit, out=other)).mul_(alpha)
    t.sub_(term)

    rates = torch.cat([many * weights, weights.new_tensor([one])])
    state.direction = v + rates @ t / square.sqrt()
    diagonal = state.diagonal * (1 + rates @ s)
    volume = diagonal.log().mean() + (1 + state.direction.square().sum()).log() / (2 * len(v))
    state.diagonal = diagonal / volume.exp()
