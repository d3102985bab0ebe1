"""Environments that episodes are played in, again and again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from nogd import Policies
from nogd_gymnasium.actions import Actions, actions_of
from nogd_gymnasium.environments import Env, Floats, made, observed

AT_ONCE = 64


class Stage:
    """At most 64 copies of one environment, made when they are needed and kept.

    :param name: gymnasium's.
    :param steps: of the longest episode; by default gymnasium's own.
    """

    def __init__(self, name: str, steps: int | None) -> None:
        self.name, self.steps = name, steps
        self._envs: list[Env] = []

    def __reduce__(self) -> tuple[type[Stage], tuple[str, int | None]]:
        """Environments do not travel to other processes; they are made anew there."""
        return Stage, (self.name, self.steps)

    def returns(self, policies: Policies, seeds: Tensor) -> Tensor:
        """Returns `[P, E]` of each policy in each episode, as many at once as there are environments."""
        rows = []
        for part in policies.split(AT_ONCE):
            episodes = seeds.split(max(1, AT_ONCE // part.count))
            rows.append(torch.cat([self._played(part, each) for each in episodes], dim=1))
        return torch.cat(rows).to(seeds.device)

    def _played(self, policies: Policies, seeds: Tensor) -> Tensor:
        shape = (policies.count, len(seeds))
        envs = self._take(shape[0] * shape[1])
        actions = actions_of(envs[0].action_space, self.name)
        seen = np.stack(
            [_begun(env, seed) for env, seed in zip(envs, seeds.tolist() * shape[0], strict=True)]
        )
        running, returns = np.ones(len(envs), dtype=bool), np.zeros(len(envs))
        while running.any():
            inputs = torch.from_numpy(seen).view(*shape, -1).to(policies.device, policies.dtype)
            outputs = policies(inputs, running=torch.from_numpy(running).view(shape))
            found: Floats = outputs.reshape(len(envs), -1).numpy(force=True).astype(np.float64)
            _step(envs, actions, found, seen, running, returns)
        return torch.from_numpy(returns).view(shape)

    def _take(self, count: int) -> Sequence[Env]:
        while len(self._envs) < count:
            self._envs.append(made(self.name, self.steps))
        return self._envs[:count]


def _begun(env: Env, seed: int) -> Floats:
    return observed(env, env.reset(seed=seed)[0])


def _step(
    envs: Sequence[Env], actions: Actions, outputs: Floats, seen: Floats, running: np.ndarray, returns: Floats
) -> None:
    """One step of all episodes that are not over: what is seen and earned, and who goes on, is written in place."""
    for index in running.nonzero()[0].tolist():
        env = envs[index]
        observation, reward, terminated, truncated, _ = env.step(actions(outputs[index]))
        seen[index] = observed(env, observation)
        returns[index] += float(reward)
        running[index] = not (terminated or truncated)
