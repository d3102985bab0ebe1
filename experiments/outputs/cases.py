"""What gradient descent makes of nogd-no-gradient's `sign-board`, where its steps pretend to be smooth."""

from __future__ import annotations

from typing import ClassVar

from nogd_images.networks import Sign
from nogd_no_gradient.boards import SignBoard, drawn
from torch import nn

import nogd
from nogd import SupervisedTask


class SmoothBoard(SignBoard):
    """The checkerboard with a surrogate gradient and cross-entropy, for gradient descent."""

    name: ClassVar[str] = "sign-board-surrogate"
    why: ClassVar[str] = "What gradient descent makes of it."
    loss: ClassVar[str] = "binary-cross-entropy"
    differentiable: ClassVar[bool] = True

    def network(self) -> nn.Module:
        return drawn(nn.Sequential(nn.Linear(2, 32), Sign(surrogate=True), nn.Linear(32, 1)), 0.5)


@nogd.hookimpl
def nogd_tasks() -> tuple[type[SupervisedTask], ...]:
    """For `nogd run --plugin experiments/outputs/cases.py`."""
    return (SmoothBoard,)
