"""What all worlds of this package have in common: an episode, step by step, for all policies at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple, final

import torch
from torch import Tensor

from nogd import Policies, SimulatorTask
from nogd_control.policies import Width

Slopes = Callable[[Tensor], Tensor]


class Step(NamedTuple):
    """What an action leads to. state: `[..., S]`; reward: `[...]`; ended: `[...]`, whether the episode is over."""

    state: Tensor
    reward: Tensor
    ended: Tensor


class World(SimulatorTask):
    """A world with a state: write `network`, `start`, `observed` and `stepped`.

    :cvar steps: of the longest episode.
    :cvar recurrent: whether the network takes its memory of `width` units beside the observation, and returns it.
    """

    default: ClassVar[bool] = False
    budget: ClassVar[float] = 1_000
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    tags: ClassVar[frozenset[str]] = frozenset({"control", "no-gradient"})
    steps: ClassVar[int]
    recurrent: ClassVar[bool] = False
    width: Width = 8

    @abstractmethod
    def start(self, seeds: Tensor) -> Tensor:
        """States `[E, S]` in float64 that episodes with these seeds `[E]` begin in."""

    @abstractmethod
    def observed(self, state: Tensor) -> Tensor:
        """What a policy sees of states `[..., S]`."""

    @abstractmethod
    def stepped(self, state: Tensor, outputs: Tensor) -> Step:
        """What a policy's outputs `[..., O]` make of states `[..., S]`."""

    @final
    def rollout(self, policies: Policies, seeds: Tensor) -> Tensor:
        """The sum of rewards until the episode ends, with the reward of its last step."""
        start = self.start(seeds)
        state = start.expand(policies.count, *start.shape)
        running = torch.ones(state.shape[:2], dtype=torch.bool, device=state.device)
        returns = torch.zeros(state.shape[:2], dtype=torch.float64, device=state.device)
        empty = state.new_zeros(*state.shape[:2], self.width).to(policies.dtype)
        memory = [empty] if self.recurrent else []
        for _ in range(self.steps):
            found = policies(self.observed(state).to(policies.dtype), *memory, running=running)
            outputs, *memory = found if self.recurrent else (found,)
            state, reward, ended = self.stepped(state, outputs.double())
            returns += torch.where(running, reward, 0.0)
            running = running & ~ended
            if not running.any():
                break
        return returns


def runge_kutta(slopes: Slopes, state: Tensor, seconds: float) -> Tensor:
    """The state after one step of the classical method of fourth order."""
    first = slopes(state)
    second = slopes(state + seconds / 2 * first)
    third = slopes(state + seconds / 2 * second)
    fourth = slopes(state + seconds * third)
    return state + seconds / 6 * (first + 2 * second + 2 * third + fourth)
