"""Restart a learner elsewhere when it is finished, with a larger population: IPOP and BIPOP."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd.engine.accounts.meter import Limit
from nogd.engine.candidates.sets import Population
from nogd.engine.objective import Objective
from nogd.engine.state import State, has_ended
from nogd.errors import InvalidSetting
from nogd.training.helpers import default_population
from nogd.training.learner import Learner, refusal
from nogd.training.names import InnerLearner, build, make

# A run behind the first is scored once in so many of its forwards, which costs 2 %.
LOOK = 50


@dataclass(kw_only=True)
class RestartsState(State):
    """inner: the present run's. run: its number; small: its kind; population, sigma: its own, None for the learner's.

    best: the loss of theta, once the first run has ended. larger: how often the population has grown. began, looked:
    forwards when the run began, and when its recommendation was last scored. large, little: forwards that runs of each
    kind have taken; last_large: those of the latest large one. ceiling: forwards at which the run must end. before:
    iterations of the runs that have ended.
    """

    rng: Generator
    inner: State
    run: int = 0
    small: bool = False
    population: int | None = None
    sigma: float | None = None
    best: float = math.inf
    larger: int = 0
    began: float = 0.0
    looked: float = 0.0
    large: float = 0.0
    little: float = 0.0
    last_large: float = 0.0
    ceiling: float = math.inf
    before: int = 0


class Restarts(Learner[RestartsState]):
    """Restart a learner whenever it is finished, from a point drawn from the box; the best of all its runs counts.

    The inner learner is written in parentheses: "restarts(cma-es,sigma=0.3),scheme=bipop". If it has a hyper-parameter
    `population`, "ipop" multiplies that by `growth` at each restart. "bipop" does so in every large run, and makes
    small runs in between as long as these have taken fewer forwards in total: their population is drawn between the
    first and the latest large one, their `sigma`, if there is one, is reduced to a hundredth at most, and they end at
    half of what the latest large run took. The end of a run costs 1 forward, to score what it found, and so does
    checking it every 50 forwards. Iterations are those of the inner learner. Sources: Auger and Hansen 2005, doi
    10.1109/CEC.2005.1554902 (IPOP); Hansen 2009, doi 10.1145/1570256.1570333 (BIPOP).

    :param inner: the learner that is restarted.
    :param scheme: "ipop": each restart has a larger population; "bipop": small ones come in between.
    :param growth: factor of the population at a restart, at least 1.
    """

    name: ClassVar[str] = "restarts"
    tags: ClassVar[frozenset[str]] = frozenset({"composite"})
    inner: InnerLearner = Field(
        default_factory=lambda: build("exact-line"), description="the learner that is restarted"
    )
    scheme: Literal["ipop", "bipop"] = Field(
        "ipop", description="ipop: each restart has a larger population; bipop: small ones come in between"
    )
    growth: float = Field(2.0, ge=1, allow_inf_nan=False, description="factor of the population at a restart")

    def whole_only(self) -> tuple[str, ...]:
        return self.inner.whole_only()

    def supports(self, objective: Objective) -> str | None:
        return refusal(self.inner, objective)

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> RestartsState:
        began = objective.meter.forwards
        inner = self.inner.init(objective, theta, rng)
        state = RestartsState(theta=inner.theta, rng=rng, inner=inner, began=began)
        if has_ended(self.inner, inner):
            self._end(objective, state)
        return state

    def step(self, objective: Objective, state: RestartsState) -> None:
        learner = self.running(state)
        if has_ended(learner, state.inner):
            self._restart(objective, state)
            return
        self._step(objective, state, learner)
        if has_ended(learner, state.inner):
            self._end(objective, state)
        elif state.run and objective.meter.forwards - state.looked >= LOOK:
            _look(objective, state)

    def running(self, state: RestartsState) -> Learner:
        """The learner within, with the population and step size of the present run."""
        return self.inner if state.run == 0 else _changed(self.inner, state.population, state.sigma)

    def _step(self, objective: Objective, state: RestartsState, learner: Learner) -> None:
        limit = Limit(forwards=state.ceiling)
        # What a later run recommends is worth nothing until it has been found better than the best of those before.
        with objective.within(limit, state.inner if state.run == 0 else None):
            try:
                learner.step(objective, state.inner)
            finally:
                if state.run == 0:
                    state.theta = state.inner.theta
                state.iteration = state.before + state.inner.iteration
        if limit.spent:
            state.inner.finished = "its share is spent"

    def _end(self, objective: Objective, state: RestartsState) -> None:
        _look(objective, state)
        spent = objective.meter.forwards - state.began
        if state.small:
            state.little += spent
        else:
            state.large += spent
            state.last_large = spent
        # A learner that counts nothing would go on for ever under a budget of iterations.
        state.before = state.iteration = state.before + max(1, state.inner.iteration)

    def _restart(self, objective: Objective, state: RestartsState) -> None:
        state.small = self.scheme == "bipop" and state.run > 0 and state.little < state.large
        state.run += 1
        state.larger += not state.small
        state.began = state.looked = objective.meter.forwards
        state.population, state.sigma = self._sizes(objective.D, state)
        state.ceiling = state.began + state.last_large / 2 if state.small else math.inf
        state.inner = State(theta=state.theta, finished="its share is too small to begin")
        start = objective.space.sample(1, state.rng)[0]
        with objective.within(Limit(forwards=state.ceiling)):
            state.inner = self.running(state).init(objective, start, state.rng)
        if has_ended(self.inner, state.inner):
            self._end(objective, state)

    def _sizes(self, D: int, state: RestartsState) -> tuple[int | None, float | None]:
        """Population and step size of the run that begins, None for what the learner within has by itself."""
        first, sigma = (getattr(self.inner, name, None) for name in ("population", "sigma"))
        first = default_population(D) if first is None else first
        grown = self.growth**state.larger
        if not state.small:
            return math.floor(first * grown), None
        chances = torch.rand(2, generator=state.rng, dtype=torch.float64, device=state.rng.device).tolist()
        population = math.floor(first * grown ** (chances[0] ** 2))
        return population, None if sigma is None else sigma * 10 ** (-2 * chances[1])


def _look(objective: Objective, state: RestartsState) -> None:
    """Score what the present run recommends, and keep it if it is the best."""
    loss = float(objective.losses(Population(state.inner.theta[None]))[0])
    state.looked = objective.meter.forwards
    if loss < state.best:
        state.best, state.theta = loss, state.inner.theta.clone()


@functools.lru_cache(maxsize=64)
def _changed(learner: Learner, population: int | None, sigma: float | None) -> Learner:
    """The learner with another population and step size, as far as it has them; made once, not in every step."""
    known: dict[str, Any] = {name: getattr(learner, name) for name in type(learner).model_fields}
    wanted = {"population": population, "sigma": sigma}
    changed = {name: value for name, value in wanted.items() if value is not None and name in known}
    try:
        return make(type(learner), known | changed) if changed else learner
    except InvalidSetting:
        if "population" not in changed:
            raise
        return make(
            type(learner), known | changed | {"population": changed["population"] + 1}
        )  # it takes pairs
