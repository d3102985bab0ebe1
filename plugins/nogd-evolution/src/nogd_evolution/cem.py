"""The cross-entropy method: the normal distribution of the best candidates, kept from collapsing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import Generator, Tensor

from nogd import AskTell, Objective, Population, State
from nogd_evolution import settings
from nogd_evolution.estimates import draw, out_of_range
from nogd_evolution.helpers import first_deviations

SHARE = 0.05


@dataclass(kw_only=True)
class CemState(State):
    """variance, first: the variance of each parameter, now and at the start, `[D]`."""

    rng: Generator
    variance: Tensor
    first: Tensor


class Cem(AskTell[CemState]):
    """Draw from a normal distribution, and fit it to the best candidates: the cross-entropy method, with a diagonal.

    The mean becomes that of the best `elite` of the candidates. Their deviation about their own mean would be too small
    from the first step on, since they lie to one side of the old one, and the search would stand still before it
    arrives: so there is extra variance, which falls linearly to 0, or deviations are taken about the old mean. The mean
    is recommended, and never scored itself. A step, which is an iteration, costs `population` forwards, and fewer where
    the budget ends. Sources: De Boer et al. 2005, doi 10.1007/s10479-005-5724-z; the falling noise: Szita and Lorincz
    2006, doi 10.1162/neco.2006.18.12.2936.
    """

    name: ClassVar[str] = "cem"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution"})
    batches: ClassVar[bool] = True
    sigma: float | None = settings.sigma(
        "first standard deviation, in theta's units; 5 % of the width of a parameter's box if not given"
    )
    population: int = Field(50, ge=2, description="candidates of a step")
    elite: float = Field(0.2, gt=0, le=1, description="share of them that the distribution is fitted to")
    about: Literal["old", "new"] = Field("new", description="the mean that deviations are taken about")
    extra: float = Field(
        0.05,
        ge=0,
        allow_inf_nan=False,
        description="extra variance of the first step, as a share of the first",
    )
    steps: int = Field(50, ge=1, description="steps after which there is no extra variance")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> CemState:
        sigma = first_deviations(objective, self.sigma, SHARE)
        return CemState(theta=theta, rng=rng, variance=sigma.square(), first=sigma.square())

    def ask(self, state: CemState) -> Population:
        noise = draw(state.theta, max(1, min(self.population, state.room)), state.rng)
        return Population(noise.mul_(state.variance.sqrt()).add_(state.theta))

    def tell(self, state: CemState, candidates: Any, losses: Tensor) -> None:
        if losses.min() < losses.max():  # a plateau says nothing about where to look
            count = min(math.ceil(self.elite * len(losses)), int(losses.isfinite().sum()))
            best = candidates.thetas.index_select(0, losses.argsort(stable=True)[:count])
            mean = best.mean(0)
            state.variance = best.sub_(state.theta if self.about == "old" else mean).square_().mean(0)
            state.theta = mean
            left = max(0.0, 1 - state.iteration / self.steps)
            state.variance = state.variance + self.extra * left * state.first
        state.iteration += 1
        state.finished = out_of_range(state.variance.sqrt(), state.first.sqrt())
