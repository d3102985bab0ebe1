"""Direct feedback alignment: the error reaches every hidden layer by a fixed random matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Generator, Tensor

from nogd import Objective
from nogd_local_rules.blocks import Block, error_of, look, working
from nogd_local_rules.rule import LocalRule, RuleState, uniform


class Dfa(LocalRule):
    """Send the error at the outputs to each hidden layer by a random matrix B of its own, in place of the transposed
    weights behind it.

    A hidden layer's change is that of back-propagation with `e B` for the error behind its activation; the last layer's
    is the gradient. B is drawn once, uniform within 1 / sqrt(units), and never changed: the layers align with it. Steps
    are Adam's; `optimizer=sgd` takes the paper's update as it is. It assumes activations with a slope, best bounded
    ones, and aligns worse the deeper a network is. A step costs about 2 forwards: a pass, a product a layer, and those
    with B. Source: Nøkland 2016, arXiv:1609.01596.
    """

    name: ClassVar[str] = "dfa"

    def fixed(
        self, objective: Objective, blocks: Sequence[Block], theta: Tensor, rng: Generator
    ) -> list[Tensor]:
        out = blocks[-1].units
        return [
            uniform(out, block.units, 1 / math.sqrt(max(block.units, 1)), theta, rng) for block in blocks[:-1]
        ]

    def change(
        self, objective: Objective, blocks: Sequence[Block], state: RuleState, rows: Tensor | None
    ) -> Tensor:
        passed = look(objective, blocks, state.theta, rows)
        error = error_of(objective, blocks, passed, rows)
        products = sum(block.size for block in blocks) + sum(feedback.numel() for feedback in state.fixed)
        with working(objective, products, rows):
            change = torch.zeros_like(state.theta)
            blocks[-1].put(change, error, passed[-1].inputs)
            for block, seen, feedback in zip(blocks[:-1], passed[:-1], state.fixed, strict=True):
                block.put(change, error @ feedback * block.slope(seen.sums), seen.inputs)
        return change
