"""Difference target propagation: each layer gets a target by an approximate inverse of the layers above it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from nogd import Objective
from nogd_local_rules.blocks import Block, Passed, error_of, look, working
from nogd_local_rules.rule import LocalRule, RuleState, uniform


class DifferenceTargetPropagation(LocalRule):
    """Give each hidden layer a target, and let it learn to hit it; targets come down by learnt inverses.

    The last hidden layer's target is a step of `stride` along the loss's gradient there; the one below a hidden layer
    is its own activities plus the difference that the layer's inverse g makes of target and activities. Each g, a
    linear layer with the activation below it, learns at the same time to undo its layer where noise of deviation
    `noise` is added. Errors are squared, and all gradients are local to a layer and its inverse; with one hidden layer
    the rule is gradient descent. Steps are Adam's, in the authors' own code RMSprop's. It assumes activations with a
    slope. A step costs 2 forwards and six products of each hidden layer above the first. Source: Lee et al. 2015,
    arXiv:1412.7525; `stride` and `noise` are rounded from the authors' code for tanh networks on MNIST.
    """

    name: ClassVar[str] = "difference-target-propagation"
    tags: ClassVar[frozenset[str]] = frozenset({"local-gradient", "local-rule"})
    stride: float = Field(
        0.3, gt=0, allow_inf_nan=False, description="step of the first target along the gradient"
    )
    noise: float = Field(
        0.3, ge=0, allow_inf_nan=False, description="deviation of the noise that the inverses are taught with"
    )

    def own(self, blocks: Sequence[Block], theta: Tensor, rng: Generator) -> Tensor:
        """Weights `[inputs, units]` and biases of the inverse of each hidden layer above the first."""
        parts = [theta[:0]]
        for block in blocks[1:-1]:
            inputs, units = block.linear.in_features, block.units
            parts.append(uniform(inputs, units, 1 / math.sqrt(max(units, 1)), theta, rng).flatten())
            parts.append(theta.new_zeros(inputs))
        return torch.cat(parts)

    def change(
        self, objective: Objective, blocks: Sequence[Block], state: RuleState, rows: Tensor | None
    ) -> Tensor:
        passed = look(objective, blocks, state.theta, rows)
        error = error_of(objective, blocks, passed, rows)
        above, last = blocks[1:-1], blocks[-1]
        products = sum(block.size for block in blocks) + 5 * sum(block.size for block in above)
        with working(objective, products + last.size * bool(blocks[:-1]), rows):
            change, own = torch.zeros_like(state.theta), torch.zeros_like(state.own)
            last.put(change, error, passed[-1].inputs)
            examples = len(error)
            # How far the activities lie beyond their target; a mean's error is smaller by the number of examples.
            beyond = self.stride * examples * error @ last.matrix(state.theta)
            end = len(own)
            for k in reversed(range(len(blocks) - 1)):
                block, seen = blocks[k], passed[k]
                block.put(change, 2 / examples * beyond * block.slope(seen.sums), seen.inputs)
                if k > 0:
                    place = slice(end - block.size - block.linear.in_features, end)
                    inverse = _Inverse(blocks[k - 1], state.own[place])
                    own[place] = self._taught(inverse, block, seen, state)
                    beyond = inverse(seen.outputs) - inverse(seen.outputs - beyond)
                    end = place.start
        return torch.cat([change, own])

    def _taught(self, inverse: _Inverse, block: Block, seen: Passed, state: RuleState) -> Tensor:
        """The gradient of the squared error with which the inverse undoes its layer, near the layer's inputs."""
        noise = torch.empty_like(seen.inputs).normal_(generator=state.rng)
        near = seen.inputs + self.noise * noise
        return inverse.gradient(block.active(block.sums(state.theta, near)), near)


class _Inverse:
    """From what a layer gives to what came in: a linear layer, and the activations below the layer."""

    def __init__(self, below: Block, flat: Tensor) -> None:
        self._below = below
        self._matrix, self._bias = flat[: -below.units].view(below.units, -1), flat[-below.units :]

    def __call__(self, outputs: Tensor) -> Tensor:
        return self._below.active(F.linear(outputs, self._matrix, self._bias))

    def gradient(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """Of the squared error, a mean over the examples, with respect to weights and biases."""
        sums = F.linear(outputs, self._matrix, self._bias)
        deltas = 2 / len(sums) * (self._below.active(sums) - wanted) * self._below.slope(sums)
        return torch.cat([(deltas.T @ outputs).flatten(), deltas.sum(0)])
