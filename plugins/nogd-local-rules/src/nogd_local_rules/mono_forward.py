"""Mono-Forward: each hidden layer has a projection to the outputs, and lowers the loss of that alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Generator, Tensor

from nogd import Objective
from nogd_local_rules.blocks import Block, error_of, look, working
from nogd_local_rules.rule import LocalRule, RuleState, uniform


class MonoForward(LocalRule):
    """Give each hidden layer a linear projection to the outputs, and let both follow the gradient of the loss there.

    Nothing passes from one layer to another but activations; within a layer, projection and weights use a local
    gradient. The projection of the last hidden layer is the network's last layer, so that what is learnt is what the
    network then gives: with one hidden layer the rule is gradient descent. The loss is the task's own, in the paper
    cross-entropy. Steps are Adam's. It assumes activations with a slope. A step costs 2 to 3 forwards. Source: Gong, Li
    and Abdulla 2025, arXiv:2501.09238.
    """

    name: ClassVar[str] = "mono-forward"
    tags: ClassVar[frozenset[str]] = frozenset({"local-gradient", "local-rule"})

    def own(self, blocks: Sequence[Block], theta: Tensor, rng: Generator) -> Tensor:
        """Projections of all hidden layers but the last, `[out, units]` each, one after another."""
        out = blocks[-1].units
        bounds = [(block.units, 1 / math.sqrt(max(block.units, 1))) for block in blocks[:-2]]
        drawn = [uniform(out, units, bound, theta, rng).flatten() for units, bound in bounds]
        return torch.cat([theta[:0], *drawn])

    def change(
        self, objective: Objective, blocks: Sequence[Block], state: RuleState, rows: Tensor | None
    ) -> Tensor:
        passed = look(objective, blocks, state.theta, rows)
        error = error_of(objective, blocks, passed, rows)
        out = blocks[-1].units
        sizes = [out * block.units for block in blocks[:-2]]
        # A product for each change, and one more for what a projection gives, and for the error below it.
        products = (
            sum(block.size for block in blocks) + 3 * sum(sizes) + (blocks[-1].size if blocks[1:] else 0)
        )
        with working(objective, products, rows):
            change, own = torch.zeros_like(state.theta), []
            blocks[-1].put(change, error, passed[-1].inputs)
            for block, seen, flat in zip(blocks[:-2], passed[:-2], state.own.split(sizes), strict=True):
                projection = flat.view(out, block.units)
                local = objective.curvature(seen.outputs @ projection.T, rows).gradient
                own.append((local.T @ seen.outputs).flatten())
                block.put(change, local @ projection * block.slope(seen.sums), seen.inputs)
            for block, seen in zip(blocks[-2:-1], passed[-2:-1], strict=True):
                below = error @ blocks[-1].matrix(state.theta)
                block.put(change, below * block.slope(seen.sums), seen.inputs)
        return torch.cat([change, *own])
