"""Swing two links up."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from nogd import uniform
from nogd_control.policies import Depth, feed_forward
from nogd_control.world import Step, World, runge_kutta

GRAVITY, TIME_STEP = 9.8, 0.2
FASTEST = (4 * math.pi, 9 * math.pi)


class Acrobot(World):
    """Swing the end of two hanging links above the height of one, by a motor in the joint between them.

    Dynamics, start, reward and end are those of Acrobot-v1 of gymnasium (Towers et al., arXiv:2407.17032; Sutton 1996),
    whose registry calls it solved at a mean return of -100: -1 for each step until then. No constant action gets there
    in 500 steps.
    """

    name: ClassVar[str] = "acrobot"
    why: ClassVar[str] = "Chaotic, and of most policies a return says only that they failed."
    steps: ClassVar[int] = 500
    constant: ClassVar[float] = -500.0
    solved: ClassVar[float] = -100.0
    depth: Depth = 1

    def network(self) -> nn.Module:
        """From the angles' cosines and sines and the spins to three numbers; the largest says the torque."""
        return feed_forward(6, 3, self.width, self.depth)

    def start(self, seeds: Tensor) -> Tensor:
        return 0.2 * uniform(seeds, 4) - 0.1

    def observed(self, state: Tensor) -> Tensor:
        first, second, *spins = state.unbind(-1)
        return torch.stack([first.cos(), first.sin(), second.cos(), second.sin(), *spins], dim=-1)

    def stepped(self, state: Tensor, outputs: Tensor) -> Step:
        return turned(state, outputs.argmax(-1) - 1)


def turned(state: Tensor, torque: Tensor) -> Step:
    """The step from states `[..., 4]` (angle of the first link from hanging, of the second from the first, spins)."""
    moved = runge_kutta(lambda at: _slopes(at, torque), state, TIME_STEP)
    angles = moved[..., :2] - 2 * math.pi * ((moved[..., :2] - math.pi) / (2 * math.pi)).ceil()
    fastest = moved.new_tensor(FASTEST)
    spins = moved[..., 2:].clamp(-fastest, fastest)
    first, second = angles.unbind(-1)
    above = -first.cos() - (first + second).cos() > 1
    return Step(torch.cat([angles, spins], dim=-1), above.double() - 1, above)


def _slopes(state: Tensor, torque: Tensor) -> Tensor:
    """Lengths, masses and moments of inertia are 1; each centre of mass is in the middle of its link."""
    first, second, spin, turn = state.unbind(-1)
    cos, sin = second.cos(), second.sin()
    inertia = 0.25 + (1.25 + cos) + 2
    coupling = 0.25 + 0.5 * cos + 1
    lower = 0.5 * GRAVITY * (first + second - math.pi / 2).cos()
    upper = (
        -0.5 * turn.square() * sin - turn * spin * sin + 1.5 * GRAVITY * (first - math.pi / 2).cos() + lower
    )
    turning = (torque + coupling / inertia * upper - 0.5 * spin.square() * sin - lower) / (
        1.25 - coupling.square() / inertia
    )
    return torch.stack([spin, turn, -(coupling * turning + upper) / inertia, turning], dim=-1)
