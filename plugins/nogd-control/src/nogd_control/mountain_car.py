"""Drive out of a valley."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from nogd import uniform
from nogd_control.policies import Depth, feed_forward
from nogd_control.world import Step, World

GRAVITY, LEFT_END, RIGHT_END, FASTEST = 0.0025, -1.2, 0.6, 0.07
# What a policy sees is shifted by the first of these and divided by the second: place and speed of about unit size.
CENTRE, SIZE = (-0.3, 0.0), (0.9, 0.07)


class _Valley(World):
    """What both tasks have in common: the place where the car starts, and what is seen."""

    depth: Depth = 1

    def start(self, seeds: Tensor) -> Tensor:
        place = 0.2 * uniform(seeds, 1) - 0.6
        return torch.cat([place, torch.zeros_like(place)], dim=-1)

    def observed(self, state: Tensor) -> Tensor:
        return (state - state.new_tensor(CENTRE)) / state.new_tensor(SIZE)


class MountainCar(_Valley):
    """Drive out of a valley with an engine that is too weak for the slope: away from the goal first.

    Dynamics, start, reward and end are those of MountainCar-v0 of gymnasium (Towers et al., arXiv:2407.17032; Moore
    1990), whose registry calls it solved at a mean return of -110: -1 for each step until then. No constant action gets
    there in 200 steps.
    """

    name: ClassVar[str] = "mountain-car"
    why: ClassVar[str] = "All policies return the same until one gets there: nothing to follow but luck."
    steps: ClassVar[int] = 200
    constant: ClassVar[float] = -200.0
    solved: ClassVar[float] = -110.0

    def network(self) -> nn.Module:
        """From place and speed to three numbers; the largest says whether to push left, not at all, or right."""
        return feed_forward(2, 3, self.width, self.depth)

    def stepped(self, state: Tensor, outputs: Tensor) -> Step:
        state, there = driven(state, 0.001 * (outputs.argmax(-1) - 1).double(), goal=0.5)
        return Step(state, torch.full_like(state[..., 0], -1.0), there)


class MountainCarContinuous(_Valley):
    """Drive out of a valley with an engine of any force up to a limit, of which each step's square costs.

    Dynamics, start, reward and end are those of MountainCarContinuous-v0 of gymnasium (Towers et al.,
    arXiv:2407.17032), whose registry calls it solved at a mean return of 90: 100 at the goal less a tenth of the
    squared forces. The best constant action is none, which returns 0.
    """

    name: ClassVar[str] = "mountain-car-continuous"
    why: ClassVar[str] = "A local optimum: to stand still is better than all that is tried in vain."
    steps: ClassVar[int] = 999
    constant: ClassVar[float] = 0.0
    solved: ClassVar[float] = 90.0

    def network(self) -> nn.Module:
        """From place and speed to the engine's force in units of the greatest."""
        return feed_forward(2, 1, self.width, self.depth)

    def stepped(self, state: Tensor, outputs: Tensor) -> Step:
        force = outputs[..., 0].clamp(-1, 1)
        state, there = driven(state, 0.0015 * force, goal=0.45)
        return Step(state, 100.0 * there - 0.1 * force.square(), there)


def driven(state: Tensor, push: Tensor, goal: float) -> tuple[Tensor, Tensor]:
    """States `[..., 2]` (place, speed) after a push `[...]`, and whether the goal is reached."""
    place, speed = state.unbind(-1)
    speed = (speed + push - GRAVITY * (3 * place).cos()).clamp(-FASTEST, FASTEST)
    place = (place + speed).clamp(LEFT_END, RIGHT_END)
    speed = torch.where((place == LEFT_END) & (speed < 0), 0.0, speed)
    return torch.stack([place, speed], dim=-1), (place >= goal) & (speed >= 0)
