"""The hybrid of the original study: a search finds the region, then gradient descent refines."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from pydantic import Field
from torch import Generator, Tensor

from nogd.engine.objective import Objective
from nogd.training.learner import Learner, Sequence, SequenceState, refusal
from nogd.training.names import InnerLearner, build


class Hybrid(Learner[SequenceState]):
    """One learner, then a second from where the first ended; grid search and Adam by default.

    The same as the sequence "grid-search+adam", with half the budget for each; others in parentheses, as in
    "hybrid(random-search; adam,lr=0.01)". Source: the research repository "Neural
    Networks Learning Without Gradient Descent", that nogd grew out of.
    """

    name: ClassVar[str] = "hybrid"
    tags: ClassVar[frozenset[str]] = frozenset({"composite"})
    first: InnerLearner = Field(
        default_factory=lambda: build("grid-search"), description="the learner that begins"
    )
    second: InnerLearner = Field(
        default_factory=lambda: build("adam"), description="the learner that goes on"
    )
    split: float = Field(0.5, gt=0, lt=1, description="share of the budget that the first may spend")

    @cached_property
    def sequence(self) -> Sequence:
        """The two learners as a sequence."""
        return Sequence(parts=(self.first, self.second), shares=(self.split, 1 - self.split))

    def whole_only(self) -> tuple[str, ...]:
        return self.sequence.whole_only()

    def supports(self, objective: Objective) -> str | None:
        return refusal(self.sequence, objective)

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SequenceState:
        return self.sequence.init(objective, theta, rng)

    def step(self, objective: Objective, state: SequenceState) -> None:
        self.sequence.step(objective, state)
