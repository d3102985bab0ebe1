"""Observations on one scale."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from nogd_gymnasium.environments import Env, Floats, observed

_SMALLEST = 1e-7


class Standardised(nn.Module):
    """Each number less its mean and divided by its standard deviation, both of which are fixed.

    :param seen: observations `[N, O]` to take them from. What never differs is not divided.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, seen: Floats) -> None:
        super().__init__()
        deviation = seen.std(axis=0)
        deviation[deviation < _SMALLEST] = 1.0
        self.register_buffer("mean", torch.from_numpy(seen.mean(axis=0)).float())
        self.register_buffer("deviation", torch.from_numpy(deviation).float())

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs and outputs `[N, O]`."""
        return (inputs - self.mean) / self.deviation


def seen_at_random(env: Env, steps: int) -> Floats:
    """Observations `[steps, O]` before each of so many random actions; the same ones each time."""
    env.action_space.seed(0)
    rows, observation, over, episode = [], None, True, 0
    for _ in range(steps):
        if over:
            observation, episode = env.reset(seed=episode)[0], episode + 1
        rows.append(observed(env, observation))
        observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
        over = terminated or truncated
    return np.stack(rows)
