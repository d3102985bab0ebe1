"""PEPITA: a second pass with the error added to the inputs takes the place of the backward pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Objective
from nogd_local_rules.blocks import Block, Passed, error_of, look, working
from nogd_local_rules.rule import LocalRule, RuleState, uniform


class Pepita(LocalRule):
    """Project the error onto the inputs by a fixed random matrix F, pass them again, and learn from the difference.

    A hidden layer's weights change by what its activities lost in the second pass, times what came in there; the last
    layer follows the error of the second pass, as in the authors' own code. F is drawn once, uniform within
    sqrt(6 / inputs) times `feedback`. Steps are Adam's; `optimizer=sgd` takes the paper's update as it is. It needs no
    slope of the activations. A step costs 3 forwards: two passes and a product a layer. Source: Dellaferrera and
    Kreiman 2022, arXiv:2201.11665.
    """

    name: ClassVar[str] = "pepita"
    sloped: ClassVar[bool] = False
    feedback: float = Field(
        0.05, gt=0, allow_inf_nan=False, description="size of F, relative to weights of He's initialisation"
    )

    def fixed(
        self, objective: Objective, blocks: Sequence[Block], theta: Tensor, rng: Generator
    ) -> list[Tensor]:
        inputs = blocks[0].linear.in_features
        return [uniform(blocks[-1].units, inputs, self.feedback * math.sqrt(6 / max(inputs, 1)), theta, rng)]

    def change(
        self, objective: Objective, blocks: Sequence[Block], state: RuleState, rows: Tensor | None
    ) -> Tensor:
        passed = look(objective, blocks, state.theta, rows)
        error = error_of(objective, blocks, passed, rows)
        (feedback,) = state.fixed
        products = 2 * sum(block.size for block in blocks) + feedback.numel()
        with working(objective, products, rows):
            examples = len(error)  # the error of a mean is as much smaller
            second = _passed_again(blocks, state.theta, passed[0].inputs + examples * error @ feedback)
            change = torch.zeros_like(state.theta)
            for block, once, again in zip(blocks[:-1], passed[:-1], second[:-1], strict=True):
                block.put(change, (once.outputs - again.outputs) / examples, again.inputs)
            blocks[-1].put(change, error_of(objective, blocks, second, rows), second[-1].inputs)
        return change


def _passed_again(blocks: Sequence[Block], theta: Tensor, inputs: Tensor) -> list[Passed]:
    passed = []
    for block in blocks:
        sums = block.sums(theta, inputs)
        passed.append(Passed(inputs, sums, block.active(sums)))
        inputs = passed[-1].outputs
    return passed
