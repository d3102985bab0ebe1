"""Feedback alignment: back-propagation with fixed random matrices in place of the transposed weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Generator, Tensor

from nogd import Objective
from nogd_local_rules.blocks import Block, error_of, look, working
from nogd_local_rules.rule import LocalRule, RuleState, uniform


class FeedbackAlignment(LocalRule):
    """Propagate the error back layer by layer, by fixed random matrices in place of the transposed weights.

    The matrix of a layer is drawn once, uniform within 1 / sqrt(units below it), which is how PyTorch draws the
    weights that it stands for, and never changed: the weights align with it. Steps are Adam's; `optimizer=sgd` takes
    the paper's update as it is. It assumes activations with a slope. A step costs as much as a gradient, 2 to 3
    forwards. Source: Lillicrap et al. 2014, arXiv:1411.0247 (Nature Communications 2016, doi 10.1038/ncomms13276).
    """

    name: ClassVar[str] = "feedback-alignment"

    def fixed(
        self, objective: Objective, blocks: Sequence[Block], theta: Tensor, rng: Generator
    ) -> list[Tensor]:
        return [
            uniform(above.units, below.units, 1 / math.sqrt(max(below.units, 1)), theta, rng)
            for below, above in pairwise(blocks)
        ]

    def change(
        self, objective: Objective, blocks: Sequence[Block], state: RuleState, rows: Tensor | None
    ) -> Tensor:
        passed = look(objective, blocks, state.theta, rows)
        deltas = error_of(objective, blocks, passed, rows)
        products = sum(block.size for block in blocks) + sum(feedback.numel() for feedback in state.fixed)
        with working(objective, products, rows):
            change = torch.zeros_like(state.theta)
            blocks[-1].put(change, deltas, passed[-1].inputs)
            below = zip(blocks[:-1], passed[:-1], state.fixed, strict=True)
            for block, seen, feedback in reversed(list(below)):
                deltas = deltas @ feedback * block.slope(seen.sums)
                block.put(change, deltas, seen.inputs)
        return change
