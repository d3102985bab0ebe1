"""Any learner that scores candidates searches the hidden layers, and the last one is solved for each candidate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from torch import Generator, Tensor

from nogd.engine.objective import Objective
from nogd.engine.readout.solving_scope import SolvedScores
from nogd.engine.state import State
from nogd.learners.drawn_features import STEPS, Ridge, Surrogate, unsolvable
from nogd.training.learner import Learner, refusal
from nogd.training.names import InnerLearner, build


@dataclass(kw_only=True)
class ReadoutState(State):
    """inner: the learner's own, whose last layer counts for nothing. value: what theta's last layer was solved for."""

    rng: Generator
    inner: State
    value: float = math.inf


class ReadoutOf(Learner[ReadoutState]):
    """Let a learner search, and solve the last layer for each of its candidates: variable projection (Golub and Pereyra
    1973, doi 10.1137/0710036).

    The learner within is written in parentheses: "readout(random-search,population=8)". It must look at
    losses alone. It is told what the last layer was solved for, with the ridge, and the best candidate of all is
    recommended. A candidate costs 1 forward and the arithmetic of the solution. Iterations are those of the inner
    learner.

    :param inner: the learner that searches.
    :param ridge: weight of the last layer's squares.
    :param surrogate: loss that the last layer is solved for.
    """

    name: ClassVar[str] = "readout"
    needs: ClassVar[frozenset[str]] = frozenset({"readout"})
    tags: ClassVar[frozenset[str]] = frozenset({"closed-form", "composite"})
    inner: InnerLearner = Field(
        default_factory=lambda: build("random-search"), description="the learner that searches"
    )
    ridge: Ridge = 1e-4
    surrogate: Surrogate = None

    def supports(self, objective: Objective) -> str | None:
        if self.inner.access != "losses":
            return f"readout lets a learner search by losses alone, and {self.inner.name} looks at more"
        return unsolvable(objective, self.surrogate) or refusal(self.inner, objective)

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> ReadoutState:
        with objective.solving(ridge=self.ridge, steps=STEPS, surrogate=self.surrogate) as scores:
            inner = self.inner.init(objective, theta.clone(), rng)
        state = ReadoutState(theta=theta, rng=rng, inner=inner, finished=inner.finished)
        _keep(state, scores)
        return state

    def step(self, objective: Objective, state: ReadoutState) -> None:
        with objective.solving(ridge=self.ridge, steps=STEPS, surrogate=self.surrogate) as scores:
            try:
                self.inner.step(objective, state.inner)
            finally:
                _keep(state, scores)
        state.iteration, state.finished = state.inner.iteration, state.inner.finished


def _keep(state: ReadoutState, scores: SolvedScores) -> None:
    if scores.theta is not None and scores.value < state.value:
        state.value, state.theta = scores.value, scores.theta
