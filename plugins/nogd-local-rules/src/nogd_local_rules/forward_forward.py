"""The forward-forward algorithm: two passes, with the right and with a wrong label, and a local goodness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Objective
from nogd_local_rules.blocks import Block, blocks_of, error_of, look, working
from nogd_local_rules.rule import LocalRule, RuleState

_LEAST_LENGTH = 1e-12
_FEWEST = 2


class ForwardForward(LocalRule):
    """Make each hidden layer active for inputs with their own label and inactive for inputs with a wrong one.

    A layer's goodness is the sum of its squared activities; the layer follows the local gradient of the logistic loss
    of goodness less `threshold` times its units. What one layer gives the next has the same length for all examples,
    here the mean length, so that goodness does not leak. Labels are embedded in the inputs by adding a random code for
    each class. The codes add up to 0, so that the network as it stands, without a code, sees the neutral label, and
    classifies in one pass: its last layer learns by the delta rule from the neutral activities (section 3.3 of the
    paper; its other way, a pass for each label, is not what a task measures). Wrong labels are drawn anew in every
    step. Steps are Adam's. It needs classes, two or more, and activations with a slope. A step costs 1 forward, four
    products of each hidden layer and one of the last: about 5. Source: Hinton 2022, arXiv:2212.13345.
    """

    name: ClassVar[str] = "forward-forward"
    tags: ClassVar[frozenset[str]] = frozenset({"local-gradient", "local-rule"})
    threshold: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="mean squared activity between right and wrong"
    )
    code: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="size of a label's code, relative to the inputs"
    )

    def supports(self, objective: Objective) -> str | None:
        reason = super().supports(objective)
        if reason is not None:
            return reason
        classes = len(_labels(objective)[0])
        if classes > max(blocks_of(objective)[-1].units, _FEWEST):
            return "forward-forward needs classes to embed in the inputs, and targets here are numbers; dfa takes any"
        if classes < _FEWEST:
            return "forward-forward needs a wrong label for each example, and there is one class only"
        return None

    def fixed(
        self, objective: Objective, blocks: Sequence[Block], theta: Tensor, rng: Generator
    ) -> list[Tensor]:
        """The class of each example `[N]`, and the code of each class `[C, inputs]`."""
        kinds, labels = _labels(objective)
        shape = len(kinds), blocks[0].linear.in_features
        codes = torch.randn(shape, generator=rng, dtype=theta.dtype, device=theta.device)
        codes -= codes.mean(0)
        return [labels, codes / codes.square().mean().sqrt()]

    def change(
        self, objective: Objective, blocks: Sequence[Block], state: RuleState, rows: Tensor | None
    ) -> Tensor:
        passed = look(objective, blocks, state.theta, rows)
        error = error_of(objective, blocks, passed, rows)
        hidden = blocks[:-1]
        products = 4 * sum(block.size for block in hidden) + blocks[-1].size
        with working(objective, products, rows):
            change = torch.zeros_like(state.theta)
            blocks[-1].put(change, error, passed[-1].inputs)
            inputs, side = self._labelled(state, passed[0].inputs, rows)
            for block in hidden:
                sums = block.sums(state.theta, inputs)
                outputs = block.active(sums)
                goodness = outputs.square().sum(1) - self.threshold * block.units
                pull = -side * (-side * goodness).sigmoid() / (len(side) / 2)
                block.put(change, 2 * pull[:, None] * outputs * block.slope(sums), inputs)
                inputs = normalised(outputs)
        return change

    def _labelled(self, state: RuleState, inputs: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Inputs with their own labels and, behind them, with wrong ones; 1 for the former, -1 for the latter."""
        labels, codes = state.fixed
        right = labels if rows is None else labels[rows]
        wrong = other_labels(right, len(codes), state.rng)
        size = self.code * inputs.square().mean().sqrt()
        both = torch.cat([inputs + size * codes[right], inputs + size * codes[wrong]])
        side = torch.ones(len(both), dtype=inputs.dtype, device=inputs.device)
        side[len(right) :] = -1
        return both, side


def other_labels(labels: Tensor, classes: int, rng: Generator) -> Tensor:
    """For each label another one, all of them equally likely."""
    further = torch.randint(1, classes, labels.shape, generator=rng, device=labels.device)
    return (labels + further) % classes


def normalised(outputs: Tensor) -> Tensor:
    """Each example's activities at the mean length of all."""
    lengths: Tensor = torch.linalg.vector_norm(outputs, dim=1, keepdim=True)
    return outputs / lengths.clamp_min(_LEAST_LENGTH) * lengths.mean()


def _labels(objective: Objective) -> tuple[Tensor, Tensor]:
    """The kinds of error that outputs of zero have, one for each class `[C, out]`, and each example's `[N]`."""
    zeros = torch.zeros(
        objective.N, blocks_of(objective)[-1].units, dtype=objective.dtype, device=objective.device
    )
    kinds, labels = torch.unique(objective.curvature(zeros).gradient, dim=0, return_inverse=True)
    return kinds, labels
