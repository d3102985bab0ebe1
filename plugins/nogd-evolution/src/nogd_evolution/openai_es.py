"""OpenAI's evolution strategy: mirrored normal noise, weights by rank, and Adam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import AskTell, Objective, Perturbed, rank_weights
from nogd_evolution import settings
from nogd_evolution.estimates import DescentState, Mirrored, adam_move, draw, one_deviation, pairs_within

# The rate, in standard deviations of the noise: the ratio of the paper's rate (0.01) to its noise (0.02).
RATE = 0.5
# Numbers of noise that are stored, 64 MiB in float32; what needs more is made from seeds wherever it is needed.
MOST_STORED = 1 << 24


@dataclass(kw_only=True)
class OpenAiState(DescentState):
    """sigma: deviation of the noise. lr: the rate where none is given."""

    sigma: float
    lr: float


class OpenAiEs(AskTell[OpenAiState]):
    """Move against an estimate of the gradient from mirrored normal noise, weighted by the ranks of the losses.

    Each noise is added and subtracted. All losses of a step are ranked together, equal ones sharing the mean of their
    ranks, and the difference of a pair's ranks weighs its noise; sum / (population sigma) is the gradient that Adam or
    plain descent takes, to which weight decay adds its part. "seeds" keeps nothing of the noise but the numbers that it
    is made from, twice a step: with `optimizer=sgd` a step then needs the memory of a forward pass and no more, at any
    population. theta, which is recommended, is the middle and never scored itself. A step, which is an iteration,
    costs `population` forwards, and fewer where the budget ends. It assumes a loss that is smooth on the scale of
    sigma. Source: Salimans et al. 2017, arXiv:1703.03864; by ranks alone, as there, the losses' unit does not matter.
    """

    name: ClassVar[str] = "openai-es"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution"})
    batches: ClassVar[bool] = True
    sigma: float | None = settings.sigma(
        "standard deviation of the noise, in theta's units; 1 % of the box's width if not given"
    )
    population: int = settings.pairs(16)
    lr: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="learning rate; half of sigma if not given"
    )
    optimizer: Literal["adam", "sgd"] = Field("adam", description="what is done with the gradient")
    weight_decay: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="times theta, added to the gradient"
    )
    noise: Literal["auto", "stored", "seeds"] = Field(
        "auto",
        description="kept as it is, or only as seeds, which auto does where it would take 2^24 numbers",
    )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> OpenAiState:
        sigma = one_deviation(objective, self.sigma)
        return OpenAiState(theta=theta, rng=rng, sigma=sigma, lr=RATE * sigma)

    def ask(self, state: OpenAiState) -> Mirrored | Perturbed:
        pairs = pairs_within(self.population, state.room)
        many = pairs * len(state.theta) > MOST_STORED
        if self.noise == "seeds" or (self.noise == "auto" and many):
            seeds = torch.randint(2**62, (pairs,), generator=state.rng, device=state.rng.device)
            return Perturbed(state.theta, tuple(seeds.tolist()), state.sigma, antithetic=True)
        return Mirrored(state.theta, draw(state.theta, pairs, state.rng), state.sigma)

    def tell(self, state: OpenAiState, candidates: Any, losses: Tensor) -> None:
        lr = state.lr if self.lr is None else self.lr
        weights = rank_weights(losses) / (len(losses) * state.sigma)
        if self.optimizer == "sgd":  # in place, so that no second vector of theta's length is needed
            state.theta.mul_(1 - lr * self.weight_decay)
            candidates.combine(weights * lr, out=state.theta)
        else:
            gradient = self.weight_decay * state.theta
            candidates.combine(-weights, out=gradient)
            state.theta = state.theta + adam_move(state, gradient, lr)
        state.iteration += 1
