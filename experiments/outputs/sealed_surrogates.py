"""The sealed suite's tasks without a gradient, as gradient descent sees them with a surrogate gradient."""

from __future__ import annotations

from typing import ClassVar

from nogd_images.networks import Sign, Staircase
from sealed import Arm, Hastie, Waves
from torch import nn

import nogd
from nogd import SupervisedTask


class BallSurrogate(Hastie):
    """`sealed-ball-sign` with cross-entropy."""

    name: ClassVar[str] = "sealed-ball-sign-surrogate"
    why: ClassVar[str] = "What gradient descent makes of signs."

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(10, 24), Sign(surrogate=True), nn.Linear(24, 1))


class ArmSurrogate(Arm):
    """`sealed-arm-staircase`."""

    name: ClassVar[str] = "sealed-arm-staircase-surrogate"
    why: ClassVar[str] = "What gradient descent makes of steps."

    def network(self) -> nn.Module:
        return nn.Sequential(
            nn.Linear(3, 24),
            Staircase(surrogate=True),
            nn.Linear(24, 24),
            Staircase(surrogate=True),
            nn.Linear(24, 2),
        )


class WavesSurrogate(Waves):
    """`sealed-waves-sign`."""

    name: ClassVar[str] = "sealed-waves-sign-surrogate"
    why: ClassVar[str] = "What gradient descent makes of signs."

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(21, 16), Sign(surrogate=True), nn.Linear(16, 3))


@nogd.hookimpl
def nogd_tasks() -> tuple[type[SupervisedTask], ...]:
    """For `nogd run --plugin experiments/outputs/sealed_surrogates.py`."""
    return (BallSurrogate, ArmSurrogate, WavesSurrogate)
