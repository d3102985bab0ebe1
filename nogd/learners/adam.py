"""Adam, written out: the optimiser object of torch costs several times more than the step itself on small networks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd.engine.objective import Objective
from nogd.learners.plateau import Plateau
from nogd.training.batches import BatchState, batch_size, next_rows, used_rows
from nogd.training.learner import Learner


@dataclass(kw_only=True)
class AdamState(BatchState):
    """mean, square: running moments of the gradient, `[D]`. updates: their number. plateau: the rate's schedule."""

    mean: Tensor
    square: Tensor
    updates: int = 0
    plateau: Plateau


class Adam(Learner[AdamState]):
    """Gradient descent with bias-corrected running moments of the gradient (Kingma & Ba, arXiv:1412.6980).

    Equal to torch.optim.Adam step for step. The default rate was chosen on tuning tasks that are not among the default
    tasks (experiments/tuning). A step is one update and costs one gradient; an iteration is one epoch. With
    `checkpointing=true` the backward pass computes most activations again, which takes less memory and one forward
    more (Chen et al., arXiv:1604.06174).
    """

    name: ClassVar[str] = "adam"
    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    tags: ClassVar[frozenset[str]] = frozenset({"gradient"})
    batches: ClassVar[bool] = True
    lr: float = Field(0.1, gt=0, description="learning rate")
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of the running mean of the gradient")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the running mean of its square")
    eps: float = Field(1e-8, gt=0, description="added to the denominator")
    rows: int | None = Field(None, ge=1, description="examples of a mini-batch; all if not given")
    plateau: bool = Field(
        False, description="whether to divide the rate by 10 after 5 epochs without improvement"
    )

    checkpointing: bool = Field(
        False,
        description="whether to keep few activations and compute the others again: less memory, one forward more",
    )

    def supports(self, objective: Objective) -> str | None:
        if self.checkpointing and not objective.can_checkpoint:
            return "checkpointing takes parts in a row, an nn.Sequential or an nn.ModuleList, and there are none here"
        return None

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> AdamState:
        mean, square = torch.zeros_like(theta), torch.zeros_like(theta)
        return AdamState(
            theta=theta, rng=rng, mean=mean, square=square, plateau=Plateau(theta=theta[:0], lr=self.lr)
        )

    def step(self, objective: Objective, state: AdamState) -> None:
        size = batch_size(objective, self.rows)
        rows = next_rows(objective, state, size)
        loss, gradient = objective.gradient(state.theta, rows, checkpointing=self.checkpointing)
        self._update(state, gradient)
        epoch_ended = used_rows(objective, state, size)
        if self.plateau:
            state.plateau.note(loss, epoch_ended)
        state.iteration += epoch_ended

    def _update(self, state: AdamState, gradient: Tensor) -> None:
        """gradient: `[D]`, overwritten."""
        state.updates += 1
        state.mean.lerp_(gradient, 1 - self.beta1)
        state.square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        mean_correction = 1 - self.beta1**state.updates
        square_correction = math.sqrt(1 - self.beta2**state.updates)
        denominator = torch.sqrt(state.square, out=gradient).div_(square_correction).add_(self.eps)
        state.theta.addcdiv_(state.mean, denominator, value=-state.plateau.lr / mean_correction)
