"""What all searches have in common that sample from a normal distribution and move it: asking, ranking, ending."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from pydantic import Field
from torch import Generator, Tensor

from nogd import AskTell, Objective, Population, State, default_population
from nogd_evolution import settings
from nogd_evolution.helpers import first_deviations

# Of a deviation, in first ones: shorter steps change nothing, longer ones show that the loss falls for ever.
SHORTEST, LONGEST = 1e-12, 1e4


@dataclass(kw_only=True)
class DistributionState(State):
    """theta is the mean. scale [D]: the first deviations, in which all else is measured. noise [P, D]: of this step.

    low, high: between them lie the best losses of the last `still` iterations, no further apart than the tolerance.
    """

    rng: Generator
    scale: Tensor
    noise: Tensor
    low: float = math.inf
    high: float = -math.inf
    still: int = 0


S = TypeVar("S", bound=DistributionState)


class Distribution(AskTell[S]):
    """Base of searches that draw candidates from a normal distribution, and move and reshape it by their ranks.

    They recommend the mean, which is not scored itself: in many dimensions it is better than any of its candidates.
    They work in units of the first deviations, so that these may differ between parameters. A step whose losses are
    all equal, or all infinite, teaches nothing and changes nothing.
    """

    tags: ClassVar[frozenset[str]] = frozenset({"evolution"})
    batches: ClassVar[bool] = True
    sigma: float | None = settings.sigma(
        "first standard deviation, in theta's units; 1 % of each parameter's box if not given"
    )
    population: int | None = Field(
        None, ge=4, description="candidates of a step; 4 + floor(3 ln D) if not given"
    )
    tolerance: float = Field(
        1e-12,
        ge=0,
        allow_inf_nan=False,
        description="the search ends when losses have long differed by no more",
    )

    def size(self, D: int) -> int:
        """Candidates of a step."""
        return default_population(D) if self.population is None else self.population

    def common(self, objective: Objective, theta: Tensor, rng: Generator) -> dict[str, Any]:
        """The fields that every state has."""
        scale = first_deviations(objective, self.sigma)
        return {"theta": theta, "rng": rng, "scale": scale, "noise": theta.new_empty(0, len(theta))}

    @abstractmethod
    def draw(self, state: S, count: int) -> Tensor:
        """Noise of so many candidates, `[count, D]`, from `state.rng`."""

    @abstractmethod
    def offsets(self, state: S, noise: Tensor) -> Tensor:
        """Where candidates of such noise lie from the mean, `[P, D]`, in units of the first deviations; new memory."""

    @abstractmethod
    def learn(self, state: S, noise: Tensor, losses: Tensor) -> None:
        """Move the mean and reshape the distribution.

        :param noise: `[P, D]`, sorted by loss, best first; a copy, which may be overwritten.
        :param losses: `[P]`, likewise.
        """

    @abstractmethod
    def largest(self, state: S) -> float:
        """The largest standard deviation along any axis, in units of the first deviations."""

    def ask(self, state: S) -> Population:
        state.noise = self.draw(state, min(self.size(len(state.theta)), state.room))
        moves = self.offsets(state, state.noise).mul_(state.scale)
        return Population(moves.to(state.theta).add_(state.theta))

    def tell(self, state: S, candidates: Any, losses: Tensor) -> None:
        losses, best = losses.sort(stable=True)
        lowest, highest = float(losses[0]), float(losses[-1])
        if lowest < highest:
            self.learn(state, state.noise.index_select(0, best), losses)
        state.noise = state.noise[:0]
        state.iteration += 1
        self._watch(state, lowest, highest)

    def move(self, state: S, direction: Tensor) -> None:
        """Move the mean by so many of the first deviations, `[D]`."""
        state.theta = state.theta + (state.scale * direction).to(state.theta)

    def _watch(self, state: S, best: float, worst: float) -> None:
        """End where steps or losses say that nothing more will come."""
        state.low, state.high = min(state.low, best), max(state.high, best)
        if state.high - state.low <= self.tolerance:
            state.still += 1
        else:
            state.low = state.high = best
            state.still = 0
        D = len(state.theta)
        patience = 10 + math.ceil(30 * D / self.size(D))  # as Hansen's tutorial has it
        largest = self.largest(state)
        if state.still >= patience and worst - best <= self.tolerance:
            state.finished = f"the losses of {patience} iterations are within {self.tolerance:g}"
        elif largest < SHORTEST:
            state.finished = f"its steps have become less than {SHORTEST:g} of the first"
        elif not largest < LONGEST:
            state.finished = f"its steps have become {LONGEST:g} times as long as the first"
