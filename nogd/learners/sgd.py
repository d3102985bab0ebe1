"""Plain gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from torch import Generator, Tensor

from nogd.engine.objective import Objective
from nogd.training.batches import BatchState, batch_size, next_rows, used_rows
from nogd.training.learner import Learner


@dataclass(kw_only=True)
class SgdState(BatchState):
    """velocity: running sum of gradients, `[D]`; None before the first."""

    velocity: Tensor | None = None


class Sgd(Learner[SgdState]):
    """Gradient descent with a constant rate, and heavy-ball momentum if wanted (Polyak 1964), as torch.optim.SGD.

    A step is one update and costs one gradient; an iteration is one epoch.
    """

    name: ClassVar[str] = "sgd"
    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    tags: ClassVar[frozenset[str]] = frozenset({"gradient"})
    batches: ClassVar[bool] = True
    lr: float = Field(0.1, gt=0, description="learning rate")
    momentum: float = Field(0.9, ge=0, lt=1, description="share of the last move that is kept")
    rows: int | None = Field(None, ge=1, description="examples of a mini-batch; all if not given")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SgdState:
        return SgdState(theta=theta, rng=rng)

    def step(self, objective: Objective, state: SgdState) -> None:
        size = batch_size(objective, self.rows)
        _, gradient = objective.gradient(state.theta, next_rows(objective, state, size))
        if self.momentum:
            state.velocity = (
                gradient if state.velocity is None else state.velocity.mul_(self.momentum).add_(gradient)
            )
            gradient = state.velocity
        state.theta.add_(gradient, alpha=-self.lr)
        state.iteration += used_rows(objective, state, size)
