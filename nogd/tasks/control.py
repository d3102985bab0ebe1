"""Built-in control tasks."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from nogd.engine.policies import Policies
from nogd.engine.space import Bounds
from nogd.problem.simulator import SimulatorTask, uniform
from nogd.tasks.networks import UNIT_BOX, Activation, Depth, Width, hidden

GRAVITY, TOTAL_MASS, POLE_MASS, HALF_LENGTH = 9.8, 1.1, 0.1, 0.5
FORCE, TIME_STEP = 10.0, 0.02
FALLEN, OFF_THE_TRACK = 12 * 2 * math.pi / 360, 2.4
LONGEST = 500


class CartPole(SimulatorTask):
    """Balance a pole on a cart for 500 steps by pushes to the left and to the right (Barto, Sutton and Anderson 1983).

    Dynamics, start and ends are those of CartPole-v1 of gymnasium (Towers et al., arXiv:2407.17032), whose registry
    calls it solved at a mean return of 475. Always pushing to one side returns 9.3 on average (10,000 episodes).
    """

    name: ClassVar[str] = "cart-pole"
    why: ClassVar[str] = (
        "The smallest world without right answers, where only a return says how well an episode went."
    )
    budget: ClassVar[float] = 1_000
    default: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = UNIT_BOX
    tags: ClassVar[frozenset[str]] = frozenset({"control", "no-gradient"})
    constant: ClassVar[float] = 9.3
    solved: ClassVar[float] = 475.0
    width: Width = 8
    depth: Depth = 1
    activation: Activation = "tanh"

    def network(self) -> nn.Module:
        """From place, speed, angle and spin to one number, above 0 for a push to the right."""
        return hidden(4, 1, width=self.width, depth=self.depth, activation=self.activation)

    def rollout(self, policies: Policies, seeds: Tensor) -> Tensor:
        """One for each step, the one that the pole falls in among them."""
        start = 0.1 * uniform(seeds, 4) - 0.05
        state = start.expand(policies.count, *start.shape)
        running = torch.ones(state.shape[:2], dtype=torch.bool, device=state.device)
        returns = torch.zeros(state.shape[:2], dtype=torch.float64, device=state.device)
        for _ in range(LONGEST):
            observed = state.to(torch.float32).to(policies.dtype)
            right = policies(observed, running=running)[..., 0] > 0
            state = pushed(state, right)
            returns += running
            running = running & ~has_ended(state)
            if not running.any():
                break
        return returns


def pushed(state: Tensor, right: Tensor) -> Tensor:
    """The states `[..., 4]` (place, speed, angle, spin) after a push to the right where it says so `[...]`."""
    speed, angle, spin = state.unbind(-1)[1:]
    force = torch.where(right, FORCE, -FORCE).to(state.dtype)
    cos, sin, moment = angle.cos(), angle.sin(), POLE_MASS * HALF_LENGTH
    pushing = (force + moment * spin.square() * sin) / TOTAL_MASS
    inertia = HALF_LENGTH * (4 / 3 - POLE_MASS * cos.square() / TOTAL_MASS)
    turning = (GRAVITY * sin - cos * pushing) / inertia
    moving = pushing - moment * turning * cos / TOTAL_MASS
    change = torch.stack([speed, moving, spin, turning], dim=-1)
    return state + TIME_STEP * change


def has_ended(state: Tensor) -> Tensor:
    """Whether the pole has fallen or the cart left its track, `[...]`."""
    place, _, angle, _ = state.unbind(-1)
    return (place.abs() > OFF_THE_TRACK) | (angle.abs() > FALLEN)
