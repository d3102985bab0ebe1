"""Mini-batches: taken by who says so, and no losses of different rows compared."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor

from nogd.engine.candidates.sets import Candidates
from nogd.engine.layers.listing import Activation
from nogd.engine.objective import Objective
from nogd.testing.check import broken, check
from nogd.testing.toys import first_fit
from nogd.testing.trial import Trial
from nogd.training.learner import Learner

BATCH = 5
# By how much the losses of each further set of rows are higher than those of the one before.
RISE = 1_000.0


class Batching(Objective):
    """Sees which rows are asked for, and can make each further set of them harder.

    at_second: what was recommended when a second set of rows was first asked for; None while there was one at most.
    """

    rise = 0.0

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.at_second: Tensor | None = None
        self._sets: dict[Hashable, int] = {}

    @property
    def sets(self) -> int:
        """How many sets of rows were asked for."""
        return len(self._sets)

    @property
    def has_moved(self) -> bool:
        """Whether the recommendation has changed since the second set of rows."""
        return self.at_second is not None and not torch.equal(self.recommendation, self.at_second)

    def losses(self, candidates: Candidates, rows: Tensor | None = None) -> Tensor:
        risen = self._risen(rows)
        return super().losses(candidates, rows) + risen

    def outputs(self, candidates: Candidates, rows: Tensor | None = None) -> Tensor:
        self._risen(rows)
        return super().outputs(candidates, rows)

    def activations(self, theta: Tensor, rows: Tensor | None = None) -> list[Activation]:
        self._risen(rows)
        return super().activations(theta, rows)

    def gradient(
        self, theta: Tensor, rows: Tensor | None = None, *, checkpointing: bool = False
    ) -> tuple[Tensor, Tensor]:
        risen = self._risen(rows)
        loss, gradient = super().gradient(theta, rows, checkpointing=checkpointing)
        return loss + risen, gradient

    def directional(
        self, theta: Tensor, directions: Tensor, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        risen = self._risen(rows)
        loss, derivatives = super().directional(theta, directions, rows)
        return loss + risen, derivatives

    def _risen(self, rows: Tensor | None) -> float:
        if rows is None:
            return 0.0
        number = self._sets.setdefault(tuple(rows.tolist()), len(self._sets))
        if number == 1 and self.at_second is None:
            self.at_second = self.recommendation.clone()
        return self.rise * number


@check(
    "Set `batches: ClassVar[bool] = True` if it uses `objective.batch_size`; then compare losses of one set of rows"
    " only, and score the best so far again on each new one."
)
def batches_are_taken_as_told(learner: Learner) -> None:
    """Losses on different rows cannot be compared: the luckiest rows, not the best weights, would win."""
    whole, plain = _run(learner, None), _run(learner, BATCH)
    if learner.whole_only() == (learner.name,):
        if plain.sets > whole.sets == 0:
            broken("it takes mini-batches of `objective.batch_size` and does not say so.")
        return
    if learner.batches and plain.sets == 0:
        broken("it says that it takes mini-batches, and asks for all examples.")
    if plain.has_moved and not _run(learner, BATCH, RISE).has_moved:
        broken(
            "where each set of rows is harder than the one before, its recommendation never moves again: it keeps a"
            " best across sets of rows."
        )


def _run(learner: Learner, batch_size: int | None, rise: float = 0.0) -> Batching:
    trial = Trial(learner, first_fit(learner), recorded=False, kind=Batching, dtype=torch.float64)
    objective = trial.objective
    assert isinstance(objective, Batching)
    objective.batch_size, objective.rise = batch_size, rise
    trial.run()
    return objective


CHECKS = (batches_are_taken_as_told,)
