"""What the learners that estimate a direction share: mirrored candidates, finite losses, step sizes, Adam."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from nogd import Objective, State
from nogd_evolution.distribution import LONGEST, SHORTEST
from nogd_evolution.helpers import SHARE, first_deviations

# Adam's, as Kingma and Ba have them, and as every learner here that takes Adam's steps does.
FIRST_DECAY, SECOND_DECAY, LEAST = 0.9, 0.999, 1e-8


@dataclass(frozen=True, eq=False)
class Mirrored:
    """theta plus and minus `sigma` times each noise: first all sums, then all differences, as in `nogd.Perturbed`.

    theta: `[D]`. noise: `[K, D]`. sigma: one number, or one for each parameter, `[D]`.
    """

    theta: Tensor
    noise: Tensor
    sigma: float | Tensor

    def __len__(self) -> int:
        return 2 * len(self.noise)

    def dense(self) -> Tensor:
        both = self.noise.new_empty(2 * len(self.noise), len(self.theta))
        plus, minus = both.chunk(2)
        torch.mul(self.noise, self.sigma, out=minus)
        torch.add(self.theta, minus, out=plus)
        torch.sub(self.theta, minus, out=minus)
        return both

    def combine(self, weights: Tensor, out: Tensor) -> None:
        """Add the weighted sum of the candidates' noises to `out`, in place (of a difference's noise, minus)."""
        out.addmv_(self.noise.T, differences(weights).to(out))


def differences(weights: Tensor) -> Tensor:
    """Of each mirrored pair the sum's weight minus the difference's, `[K]`."""
    plus, minus = weights.chunk(2)
    return plus - minus


def draw(theta: Tensor, count: int, rng: Generator) -> Tensor:
    """Standard normal noise, `[count, D]`, like theta."""
    return theta.new_empty(count, len(theta)).normal_(generator=rng)


def pairs_within(population: int, room: int) -> int:
    """Mirrored pairs of a step: fewer where the budget ends, and one even if that will be refused."""
    return max(1, min(population, room) // 2)


def one_deviation(objective: Objective, sigma: float | None, share: float = SHARE) -> float:
    """A step size for all parameters alike: sigma, or the mean of what each has by itself if it is None."""
    return float(first_deviations(objective, sigma, share).mean()) if sigma is None else sigma


def finite(losses: Tensor) -> Tensor:
    """The losses, with the worst finite one in place of what is not finite; zeros where none is finite."""
    if math.isfinite(float(losses.sum())):  # a fraction of what isfinite takes
        return losses
    known = losses.isfinite()
    if not known.any():
        return torch.zeros_like(losses)
    return torch.where(known, losses, losses[known].max())


def out_of_range(deviations: Tensor, first: Tensor) -> str | None:
    """Why a search with such deviations has ended, which began with `first`; None if it has not."""
    largest = float((deviations / first).max())
    if largest < SHORTEST:
        return f"its steps have become less than {SHORTEST:g} of the first"
    return None if largest < LONGEST else f"its steps have become {LONGEST:g} times as long as the first"


@dataclass(kw_only=True)
class DescentState(State):
    """mean, square: Adam's running means of the gradient and of its square, `[D]`; None before the first."""

    rng: Generator
    mean: Tensor | None = None
    square: Tensor | None = None
    updates: int = 0


def adam_move(state: DescentState, gradient: Tensor, lr: float) -> Tensor:
    """What Adam adds to theta for a gradient, `[D]`; its running means change."""
    if state.mean is None or state.square is None:
        state.mean, state.square = torch.zeros_like(gradient), torch.zeros_like(gradient)
    state.updates += 1
    state.mean.lerp_(gradient, 1 - FIRST_DECAY)
    state.square.mul_(SECOND_DECAY).addcmul_(gradient, gradient, value=1 - SECOND_DECAY)
    unbiased = math.sqrt(1 - SECOND_DECAY**state.updates)
    rate = lr / (1 - FIRST_DECAY**state.updates)
    return state.mean.div(state.square.sqrt().div_(unbiased).add_(LEAST)).mul_(-rate)
