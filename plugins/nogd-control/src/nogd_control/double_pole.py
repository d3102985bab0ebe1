"""Balance two poles on one cart."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nogd import uniform
from nogd_control.policies import Depth, Recurrent, Width, feed_forward
from nogd_control.world import Step, World, runge_kutta

GRAVITY, FORCE, CART_MASS = 9.8, 10.0, 1.0
POLE_MASSES, HALF_LENGTHS = (0.1, 0.01), (0.5, 0.05)
TRACK_FRICTION, PIVOT_FRICTION = 0.0005, 0.000002
TIME_STEP, MOVES = 0.01, 2
FALLEN, OFF_THE_TRACK = math.radians(36), 2.4
TILT = math.radians(4.5)
# Place, long pole, short pole, and their speeds.
RANGES = (2.16, math.radians(3.6), 0.0, 1.35, math.radians(8.6), 0.0)
SCALES = (OFF_THE_TRACK, FALLEN, FALLEN, 2.0, 2.0, 2.0)


class _Poles(World):
    """What both tasks have in common: the cart, its start, and its end."""

    steps: ClassVar[int] = 1_000
    budget: ClassVar[float] = 3_000
    held_out: ClassVar[int] = 16
    constant: ClassVar[float] = 36.0
    solved: ClassVar[float] = 1_000.0
    episodes: int = Field(1, ge=1, le=1 << 16, description="episodes of a scoring call")
    noisy: bool = Field(False, description="whether each call has episodes of its own")
    begin: Literal["tilted", "anywhere"] = Field(
        "tilted", description="the long pole at 4.5 degrees and all else at rest, or at random"
    )

    @model_validator(mode="after")
    def _differs_only_where_it_can(self) -> _Poles:
        if self.begin == "tilted" and (self.noisy or self.episodes > 1):
            raise ValueError(
                "with begin=tilted all episodes are equal; noisy and episodes are for begin=anywhere"
            )
        return self

    def start(self, seeds: Tensor) -> Tensor:
        if self.begin == "anywhere":
            return (2 * uniform(seeds, 6) - 1) * torch.tensor(RANGES, device=seeds.device)
        state = torch.zeros(len(seeds), 6, dtype=torch.float64, device=seeds.device)
        state[:, 1] = TILT
        return state

    def stepped(self, state: Tensor, outputs: Tensor) -> Step:
        state = pushed(state, FORCE * outputs[..., 0].clamp(-1, 1))
        return Step(state, torch.ones_like(state[..., 0]), has_ended(state))


class DoublePole(_Poles):
    """Balance a long and a short pole on one cart for 1,000 steps of 0.02 s, told all places and speeds (Wieland 1991).

    Equations, start and end are those of the pole balancing benchmarks of neuroevolution (Gomez, Schmidhuber and
    Miikkulainen, JMLR 9, 2008): a pole of 1 m and one of 0.1 m, which fall at 36 degrees, on 4.8 m of track, integrated
    by the Runge-Kutta method with steps of 0.01 s, two to each action. The return is the number of steps; score 1 is
    1,000 of them, a trial of the literature's (which calls a policy a solution if it goes on for 100,000). The best of
    20,001 constant forces up to 0.2 N returns 36.
    """

    name: ClassVar[str] = "double-pole"
    why: ClassVar[str] = (
        "The benchmark of neuroevolution: each pole falls at its own pace, and one force holds both."
    )
    depth: Depth = 1

    def network(self) -> nn.Module:
        """From three places and three speeds to the force in units of the greatest, which is 10 N."""
        return feed_forward(6, 1, self.width, self.depth)

    def observed(self, state: Tensor) -> Tensor:
        return state / state.new_tensor(SCALES)


class DoublePoleNoVelocity(_Poles):
    """Balance a long and a short pole on one cart for 1,000 steps of 0.02 s, told the places alone (Wieland 1991).

    As `double-pole`, by a recurrent network which has to find the speeds from what it remembers.
    """

    name: ClassVar[str] = "double-pole-no-velocity"
    why: ClassVar[str] = "What is seen does not say what to do: without a memory there is no solution."
    recurrent: ClassVar[bool] = True
    width: Width = 4

    def network(self) -> nn.Module:
        """Fully recurrent units, the first of which says the force."""
        return Recurrent(3, self.width)

    def observed(self, state: Tensor) -> Tensor:
        return state[..., :3] / state.new_tensor(SCALES[:3])


def pushed(state: Tensor, force: Tensor) -> Tensor:
    """States `[..., 6]` (place, angles of the long and short pole, their speeds) after 0.02 s of a force `[...]`."""
    for _ in range(MOVES):
        state = runge_kutta(lambda at: _slopes(at, force[..., None]), state, TIME_STEP)
    return state


def has_ended(state: Tensor) -> Tensor:
    """Whether a pole has fallen or the cart left its track, `[...]`."""
    limits = state.new_tensor((OFF_THE_TRACK, FALLEN, FALLEN))
    return (state[..., :3].abs() > limits).any(-1)


def _slopes(state: Tensor, force: Tensor) -> Tensor:
    """Wieland's equations, as the appendix of Gomez et al. (2008) has them."""
    masses, halves = state.new_tensor(POLE_MASSES), state.new_tensor(HALF_LENGTHS)
    angles, speed, spins = state[..., 1:3], state[..., 3:4], state[..., 4:]
    cos, sin = angles.cos(), angles.sin()
    falling = PIVOT_FRICTION * spins / (masses * halves) - GRAVITY * sin
    pulls = masses * halves * spins.square() * sin + 0.75 * masses * cos * falling
    inertia = CART_MASS + (masses * (1 - 0.75 * cos.square())).sum(-1, keepdim=True)
    gain = (force - TRACK_FRICTION * speed.sign() + pulls.sum(-1, keepdim=True)) / inertia
    turning = -0.75 * (gain * cos + falling) / halves
    return torch.cat([speed, spins, gain, turning], dim=-1)
