"""What stands for nogd-no-gradient's boards and ranks: a loss with a slope, and steps that pretend to be smooth."""

from __future__ import annotations

from typing import ClassVar

from nogd_images.networks import Sign
from nogd_no_gradient.boards import AucBoard, F1Board, SignBoard, TreeBoard, drawn
from nogd_no_gradient.layers import HardTree
from nogd_no_gradient.ranks import DiabetesRank
from torch import nn

import nogd
from nogd import SupervisedTask


class SmoothBoard(SignBoard):
    """The checkerboard with a surrogate gradient and cross-entropy."""

    name: ClassVar[str] = "sign-board-surrogate"
    why: ClassVar[str] = "What gradient descent makes of it."
    loss: ClassVar[str] = "binary-cross-entropy"
    differentiable: ClassVar[bool] = True

    def network(self) -> nn.Module:
        return _signs(32)


class SmoothTree(TreeBoard):
    """The tree with a surrogate gradient and cross-entropy."""

    name: ClassVar[str] = "tree-board-surrogate"
    why: ClassVar[str] = "What gradient descent makes of a tree."
    loss: ClassVar[str] = "binary-cross-entropy"
    differentiable: ClassVar[bool] = True

    def network(self) -> nn.Module:
        return drawn(HardTree(2, 4, surrogate=True), 0.3)


class SmoothF1(F1Board):
    """Rare fields with a surrogate gradient, and cross-entropy in place of F1."""

    name: ClassVar[str] = "f1-board-surrogate"
    why: ClassVar[str] = "What a loss with a slope makes of F1."
    loss: ClassVar[str] = "binary-cross-entropy"
    differentiable: ClassVar[bool] = True

    def network(self) -> nn.Module:
        return _signs(8)


class SmoothAuc(AucBoard):
    """Rare fields, and cross-entropy in place of the area under the curve."""

    name: ClassVar[str] = "auc-board-surrogate"
    why: ClassVar[str] = "What a loss with a slope makes of an order."
    loss: ClassVar[str] = "binary-cross-entropy"
    differentiable: ClassVar[bool] = True


class SmoothRank(DiabetesRank):
    """Patients in order, and squared errors in place of the rank correlation."""

    name: ClassVar[str] = "diabetes-rank-surrogate"
    why: ClassVar[str] = "What a loss with a slope makes of an order."
    loss: ClassVar[str] = "mse"
    differentiable: ClassVar[bool] = True


def _signs(units: int) -> nn.Module:
    return drawn(nn.Sequential(nn.Linear(2, units), Sign(surrogate=True), nn.Linear(units, 1)), 0.5)


@nogd.hookimpl
def nogd_tasks() -> tuple[type[SupervisedTask], ...]:
    """For `nogd run --plugin experiments/outputs/cases.py`."""
    return (SmoothBoard, SmoothTree, SmoothF1, SmoothAuc, SmoothRank)
