"""Hebbian learning: hidden layers find features without the error, and the last layer reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Objective
from nogd_local_rules.blocks import Block, Passed, error_of, look, working
from nogd_local_rules.rule import LocalRule, RuleState

_TINY = 1e-30


class Hebbian(LocalRule):
    """Let each hidden layer follow its inputs alone, and the last layer the error (the delta rule).

    `soft-wta`: units compete by a softmax of their sums; the winner of an example moves towards it, all others away
    (SoftHebb). A layer's change is divided by its largest entry, and a unit's rate by how far the length of its weights
    still is from 1, to the power 1/2. `oja`: Oja's subspace rule, whose units span the directions in which the inputs
    vary most, at a rate relative to their variance. Where the papers have inputs without a mean, inputs and sums are
    taken about theirs, and a bias moves by `rate` to where the sum's mean is 0. The last layer steps as `optimizer`
    says. It assumes inputs of one scale, and needs no slope of the activations. A step costs 2 forwards; `oja` adds its
    products between units. Sources: Journé et al. 2022, arXiv:2209.11883; Oja 1989, doi 10.1142/S0129065789000475; the
    delta rule: Widrow and Hoff 1960.
    """

    name: ClassVar[str] = "hebbian"
    sloped: ClassVar[bool] = False
    rule: Literal["soft-wta", "oja"] = Field("soft-wta", description="how the hidden layers learn")
    rate: float = Field(0.03, gt=0, allow_inf_nan=False, description="learning rate of the hidden layers")
    sharpness: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="factor of the sums in the softmax, its inverse temperature",
    )

    def fixed(
        self, objective: Objective, blocks: Sequence[Block], theta: Tensor, rng: Generator
    ) -> list[Tensor]:
        """Which coordinates of theta are the last layer's, as ones."""
        readout = torch.zeros_like(theta)
        for place in (blocks[-1].weight, blocks[-1].bias):
            if place is not None:
                readout[place] = 1
        return [readout]

    def change(
        self, objective: Objective, blocks: Sequence[Block], state: RuleState, rows: Tensor | None
    ) -> Tensor:
        passed = look(objective, blocks, state.theta, rows)
        error = error_of(objective, blocks, passed, rows)
        with working(objective, self._products(blocks), rows):
            change = torch.zeros_like(state.theta)
            for block, seen in zip(blocks[:-1], passed[:-1], strict=True):
                if block.weight is not None:
                    matrix = block.matrix(state.theta)
                    change[block.weight] = -self.rate * self._follow(matrix, *_centred(seen)).flatten()
                if block.bias is not None:
                    change[block.bias] = self.rate * seen.sums.mean(0)
            blocks[-1].put(change, error, passed[-1].inputs)
        return change

    def descend(self, state: RuleState, change: Tensor) -> None:
        """The last layer by the optimiser, the others as they are told."""
        (readout,) = state.fixed
        super().descend(state, change * readout)
        state.theta.sub_(change * (1 - readout))

    def _products(self, blocks: Sequence[Block]) -> int:
        between = sum(block.units**2 for block in blocks[:-1]) if self.rule == "oja" else 0
        return sum(block.size for block in blocks) + between

    def _follow(self, matrix: Tensor, inputs: Tensor, sums: Tensor) -> Tensor:
        """What a unit rate adds to a layer's weights `[units, inputs]`."""
        if self.rule == "oja":
            return (sums.T @ inputs - sums.T @ sums @ matrix) / inputs.square().sum().clamp_min(_TINY)
        shares = (self.sharpness * sums).softmax(1)
        winners = sums.argmax(1, keepdim=True)
        signed = -shares.scatter(1, winners, -shares.gather(1, winners))
        towards = signed.T @ inputs - (signed * sums).sum(0)[:, None] * matrix
        unfinished: Tensor = (torch.linalg.vector_norm(matrix, dim=1, keepdim=True) - 1).abs().sqrt()
        return unfinished * towards / towards.abs().max().clamp_min(_TINY)


def _centred(seen: Passed) -> tuple[Tensor, Tensor]:
    """A layer's inputs and sums, each less its mean."""
    return seen.inputs - seen.inputs.mean(0), seen.sums - seen.sums.mean(0)
