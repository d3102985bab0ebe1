"""Base of the local rules: each gives a change for every layer, which steps by Adam or plainly."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import BatchState, Learner, Objective, batch_size, next_rows, used_rows
from nogd_local_rules.blocks import Block, blocks_of, refusal

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8


@dataclass(kw_only=True)
class RuleState(BatchState):
    """fixed: what was drawn at the start and never changes. own: what the rule learns beside theta, `[E]`.

    mean, square: Adam's moments of both, `[D + E]`; updates: their number.
    """

    fixed: list[Tensor]
    own: Tensor
    mean: Tensor
    square: Tensor
    updates: int = 0


class LocalRule(Learner[RuleState]):
    """Asks `change` for what to subtract from theta, per unit of the rate, and steps."""

    needs: ClassVar[frozenset[str]] = frozenset({"layers", "curvature"})
    tags: ClassVar[frozenset[str]] = frozenset({"local-rule"})
    batches: ClassVar[bool] = True
    sloped: ClassVar[bool] = True
    lr: float = Field(0.03, gt=0, allow_inf_nan=False, description="learning rate")
    rows: int | None = Field(None, ge=1, description="examples of a mini-batch; all if not given")
    optimizer: Literal["adam", "sgd"] = Field(
        "adam", description="how the rule's change becomes a step; sgd: as it is, times the rate"
    )

    @abstractmethod
    def change(
        self, objective: Objective, blocks: Sequence[Block], state: RuleState, rows: Tensor | None
    ) -> Tensor:
        """What to subtract from theta and `state.own`, `[D + E]`; what it computes, it pays for.

        It changes nothing of the state but its generator.
        """

    def fixed(
        self, objective: Objective, blocks: Sequence[Block], theta: Tensor, rng: Generator
    ) -> list[Tensor]:
        """What is drawn once; nothing by default."""
        return []

    def own(self, blocks: Sequence[Block], theta: Tensor, rng: Generator) -> Tensor:
        """The first value of what is learnt beside theta, `[E]`; nothing by default."""
        return theta[:0].clone()

    def supports(self, objective: Objective) -> str | None:
        return refusal(self.name, objective, sloped=self.sloped)

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> RuleState:
        blocks = blocks_of(objective)
        fixed = self.fixed(objective, blocks, theta, rng)
        own = self.own(blocks, theta, rng)
        zeros = theta.new_zeros(len(theta) + len(own))
        return RuleState(theta=theta, rng=rng, fixed=fixed, own=own, mean=zeros, square=zeros.clone())

    def step(self, objective: Objective, state: RuleState) -> None:
        size = batch_size(objective, self.rows)
        change = self.change(objective, blocks_of(objective), state, next_rows(objective, state, size))
        if not bool(change.isfinite().all()):
            state.finished = "the error is not finite"
            return
        self.descend(state, change)
        state.iteration += used_rows(objective, state, size)

    def descend(self, state: RuleState, change: Tensor) -> None:
        """Step against the change `[D + E]`."""
        step = self.lr * (change if self.optimizer == "sgd" else _adam(state, change))
        state.theta.sub_(step[: len(state.theta)])
        state.own.sub_(step[len(state.theta) :])


def _adam(state: RuleState, change: Tensor) -> Tensor:
    """Adam's direction (Kingma and Ba 2015, arXiv:1412.6980)."""
    state.updates += 1
    state.mean.lerp_(change, 1 - _BETA1)
    state.square.mul_(_BETA2).addcmul_(change, change, value=1 - _BETA2)
    root = state.square.sqrt() / math.sqrt(1 - _BETA2**state.updates)
    return state.mean / (1 - _BETA1**state.updates) / root.add_(_EPS)


def uniform(rows: int, columns: int, bound: float, theta: Tensor, rng: Generator) -> Tensor:
    """A matrix of theta's type, drawn between -bound and bound."""
    drawn = torch.rand(rows, columns, generator=rng, dtype=theta.dtype, device=theta.device)
    return (2 * drawn - 1) * bound
