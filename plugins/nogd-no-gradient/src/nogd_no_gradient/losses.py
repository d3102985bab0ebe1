"""Losses that count or rank all examples together: no mean over them, and without a gradient."""

from __future__ import annotations

import torch
from torch import Tensor

from nogd import Loss


def _one_minus_f1(outputs: Tensor, targets: Tensor) -> Tensor:
    said = (outputs > 0).to(outputs.dtype)
    right = (said * targets).sum()
    return _known(1 - 2 * right / (said.sum() + targets.sum()).clamp_min(1), outputs)


def _one_minus_auc(outputs: Tensor, targets: Tensor) -> Tensor:
    positive, negative = outputs[targets > 0], outputs[targets <= 0]
    ahead = (positive[:, None] - negative).sign()  # of equal ones half counts
    return _known((1 - ahead.mean()) / 2, outputs)


def _one_minus_spearman(outputs: Tensor, targets: Tensor) -> Tensor:
    return _known(1 - spearman(outputs, targets), outputs)


def _known(loss: Tensor, outputs: Tensor) -> Tensor:
    """The loss, and NaN where an output is: what counts and compares would take it for a number."""
    return loss + 0 * outputs.sum()


def spearman(outputs: Tensor, targets: Tensor) -> Tensor:
    """Spearman's rank correlation of two columns `[N, 1]`; equal numbers share their mean rank, and 0 if all are.

    :returns: a scalar from -1 to 1.
    """
    ranks, expected = _centred_ranks(outputs), _centred_ranks(targets)
    spread = ranks.norm() * expected.norm()
    return (ranks * expected).sum() / torch.where(spread > 0, spread, torch.ones_like(spread))


def _centred_ranks(column: Tensor) -> Tensor:
    """Twice the ranks less their mean: how many are smaller, less how many are greater."""
    return (column - column.flatten()).sign().sum(-1)


ONE_MINUS_F1 = Loss(
    "one-minus-f1", _one_minus_f1, differentiable=False, targets="shares", summary="1 - F1 of class 1"
)
ONE_MINUS_AUC = Loss(
    "one-minus-auc",
    _one_minus_auc,
    differentiable=False,
    targets="shares",
    summary="1 - area under the ROC curve",
)
ONE_MINUS_SPEARMAN = Loss(
    "one-minus-spearman",
    _one_minus_spearman,
    differentiable=False,
    summary="1 - Spearman's rank correlation",
)
