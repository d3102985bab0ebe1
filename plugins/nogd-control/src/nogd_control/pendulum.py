"""Swing a pendulum up."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from nogd import uniform
from nogd_control.policies import Depth, feed_forward
from nogd_control.world import Step, World

GRAVITY, TIME_STEP, TORQUE, FASTEST = 10.0, 0.05, 2.0, 8.0


class Pendulum(World):
    """Swing a pendulum up with a motor too weak to lift it, and hold it there for the rest of 200 steps.

    Dynamics, start and reward are those of Pendulum-v1 of gymnasium (Towers et al., arXiv:2407.17032), which has no end
    and no threshold. Score 1 is a return of -152, that of DDPG and of TD3 in the benchmark of RL Baselines3 Zoo
    (benchmark.md there: -152.1 and -151.9). The best constant action is none, which returns -1,218 on average (40,000
    episodes).
    """

    name: ClassVar[str] = "pendulum"
    why: ClassVar[str] = "A continuous action: to swing up, it has to be pushed the wrong way first."
    steps: ClassVar[int] = 200
    constant: ClassVar[float] = -1_218.0
    solved: ClassVar[float] = -152.0
    depth: Depth = 1

    def network(self) -> nn.Module:
        """From cosine, sine and spin to the torque in units of the strongest, which is 2 N m."""
        return feed_forward(3, 1, self.width, self.depth)

    def start(self, seeds: Tensor) -> Tensor:
        return (2 * uniform(seeds, 2) - 1) * torch.tensor([math.pi, 1.0], device=seeds.device)

    def observed(self, state: Tensor) -> Tensor:
        angle, spin = state.unbind(-1)
        return torch.stack([angle.cos(), angle.sin(), spin], dim=-1)

    def stepped(self, state: Tensor, outputs: Tensor) -> Step:
        return swung(state, TORQUE * outputs[..., 0])


def swung(state: Tensor, torque: Tensor) -> Step:
    """The step from states `[..., 2]` (angle from upright, spin) under a torque `[...]`, cut off at 2 N m."""
    angle, spin = state.unbind(-1)
    torque = torque.clamp(-TORQUE, TORQUE)
    off = (angle + math.pi) % (2 * math.pi) - math.pi
    cost = off.square() + 0.1 * spin.square() + 0.001 * torque.square()
    spin = (spin + (1.5 * GRAVITY * angle.sin() + 3 * torque) * TIME_STEP).clamp(-FASTEST, FASTEST)
    state = torch.stack([angle + spin * TIME_STEP, spin], dim=-1)
    return Step(state, -cost, torch.zeros_like(cost, dtype=torch.bool))
