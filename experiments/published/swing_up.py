"""Swing a pole up on a cart, as in evojax: `nogd run --plugin experiments/published/swing_up.py -t swing-up`."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nogd import Policies, SimulatorTask, hookimpl, uniform

GRAVITY, CART, POLE, LENGTH, FRICTION, FORCE = 9.82, 0.5, 0.5, 0.6, 0.1, 10.0
TIME_STEP, STEPS, TRACK = 0.01, 1_000, 2.4
HANGING = (0.0, 0.0, math.pi, 0.0)
NEAR = 0.2
RANGES = (TRACK, 10.0, math.pi / 2, 10.0)
UNITS = 64


class SwingUp(SimulatorTask):
    """Swing a hanging pole up by pushing its cart, and hold it there above the middle of the track.

    Equations, constants, starts, reward and network are those of the cart-pole swing-up of evojax (Tang, Tian and Ha,
    arXiv:2202.05008), easy and hard, as in its benchmark of evolution strategies. At each of 1,000 steps of 0.01 s the
    reward is the share of the height that the pole has reached, times a factor that falls from 1 in the middle of the
    track to 0 at its ends, where an episode is over. All searches start from a network whose weights are zero.
    """

    name: ClassVar[str] = "swing-up"
    why: ClassVar[str] = "The task of a published table, at its size: 4,609 weights, and no gradient."
    default: ClassVar[bool] = False
    budget: ClassVar[float] = 6_400
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    held_out: ClassVar[int] = 100
    tags: ClassVar[frozenset[str]] = frozenset({"control", "no-gradient"})
    begin: Literal["hanging", "anywhere"] = Field(
        "hanging",
        description="near rest below the cart, evojax's easy task; or anywhere below it and fast, the hard one",
    )

    def network(self) -> nn.Module:
        """From place, speed, cosine, sine and spin to the force in units of the greatest, 10 N."""
        network = nn.Sequential(
            nn.Linear(5, UNITS), nn.Tanh(), nn.Linear(UNITS, UNITS), nn.Tanh(), nn.Linear(UNITS, 1), nn.Tanh()
        )
        for weights in network.parameters():
            nn.init.zeros_(weights)
        return network

    def start(self, seeds: Tensor) -> Tensor:
        """States `[E, 4]`: place, speed, angle from upright, spin."""
        drawn = uniform(seeds, 4)
        if self.begin == "hanging":
            spread = NEAR * torch.special.ndtri(drawn.clamp(min=1e-12))
        else:
            spread = (2 * drawn - 1) * drawn.new_tensor(RANGES)
        return spread + drawn.new_tensor(HANGING)

    def rollout(self, policies: Policies, seeds: Tensor) -> Tensor:
        """The sum of rewards until the cart leaves its track, that of its last step included.

        An episode that is over for all policies is simulated no further.
        """
        state = self.start(seeds).expand(policies.count, -1, -1)
        returns = torch.zeros(state.shape[:2], dtype=torch.float64, device=state.device)
        going = torch.arange(len(seeds), device=state.device)
        running = torch.ones_like(returns, dtype=torch.bool)
        for _ in range(STEPS):
            force = policies(observed(state).to(policies.dtype), running=running)[..., 0]
            state = pushed(state, force.double())
            returns[:, going] += torch.where(running, reward(state), 0.0)
            running = running & (state[..., 0].abs() <= TRACK)
            left = running.any(0)
            if not left.all():
                state, running, going = state[:, left], running[:, left], going[left]
            if not len(going):
                break
        return returns


def observed(state: Tensor) -> Tensor:
    """What a policy sees of states `[..., 4]`, `[..., 5]`."""
    place, speed, angle, spin = state.unbind(-1)
    return torch.stack([place, speed, angle.cos(), angle.sin(), spin], dim=-1)


def reward(state: Tensor) -> Tensor:
    """Of states `[..., 4]`: 1 for a pole upright in the middle, 0 for one that hangs or at an end of the track."""
    place, _, angle, _ = state.unbind(-1)
    return (angle.cos() + 1) / 2 * (place * (math.pi / 2 / TRACK)).cos()


def pushed(state: Tensor, force: Tensor) -> Tensor:
    """States `[..., 4]` after 0.01 s of a force `[...]` in units of the greatest, by Euler's method.

    A rod of evenly spread mass turns about a point on the cart, from which its tip leans against the force where the
    angle is positive. With place x, angle a, masses M and m, length l and friction b:
    (M + m) x'' - (m l / 2) (a'' cos a - a'^2 sin a) = F - b x' and (2 l / 3) a'' = g sin a + x'' cos a.
    """
    _, speed, angle, spin = state.unbind(-1)
    sin, cos = angle.sin(), angle.cos()
    push = FORCE * force.clamp(-1, 1) - FRICTION * speed
    swing = POLE * LENGTH * spin.square() * sin
    mass = 4 * (CART + POLE) - 3 * POLE * cos.square()
    faster = (4 * push - 2 * swing + 3 * POLE * GRAVITY * sin * cos) / mass
    turning = (6 * (CART + POLE) * GRAVITY * sin + 6 * push * cos - 3 * swing * cos) / (LENGTH * mass)
    return state + TIME_STEP * torch.stack([speed, faster, spin, turning], dim=-1)


@hookimpl
def nogd_tasks() -> list[type[SwingUp]]:
    """Offer the task to nogd."""
    return [SwingUp]
