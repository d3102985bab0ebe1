"""The dynamics are gymnasium's, step by step: the same states, rewards and ends from the same states and actions."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from nogd_control.acrobot import Acrobot
from nogd_control.mountain_car import MountainCar, MountainCarContinuous
from nogd_control.pendulum import Pendulum
from torch import Tensor, nn

# Task, gymnasium's name, how close (its continuous car keeps its state in float32), and a policy that gets to all ends.
WORLDS = {
    "pendulum": (Pendulum, "Pendulum-v1", 1e-6, lambda s: [np.clip(-s[0] - 0.5 * s[1], -1.5, 1.5)]),
    "acrobot": (Acrobot, "Acrobot-v1", 1e-10, lambda s: 2 if s[3] > 0 else 0),
    "mountain-car": (MountainCar, "MountainCar-v0", 1e-12, lambda s: 2 if s[1] >= 0 else 0),
    "mountain-car-continuous": (
        MountainCarContinuous,
        "MountainCarContinuous-v0",
        1e-6,
        lambda s: [1.0 if s[1] >= 0 else -1.0],
    ),
}


def output_for(task, action) -> Tensor:
    """What a policy has to say for that action of gymnasium's."""
    if isinstance(action, int):
        return nn.functional.one_hot(torch.tensor(action), 3).double()
    return torch.tensor([2 * action[0] if isinstance(task, Pendulum) else action[0]]).double()


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("seed", range(3))
def test_each_step_is_gymnasium_s(name, seed):
    kind, theirs, tolerance, policy = WORLDS[name]
    task, world = kind(), gymnasium.make(theirs)
    seen, _ = world.reset(seed=seed)
    rng, ended, total, number = np.random.default_rng(seed), False, 0.0, 0
    while not ended:
        state = np.array(world.unwrapped.state, dtype=np.float64)
        ours = torch.from_numpy(state)
        assert task.observed(ours).numpy() == pytest.approx(seen_as_ours(name, seen), rel=1e-5, abs=1e-6)
        action = policy(state)
        if number % 9 == 0:  # not only where that policy leads
            action = (
                int(rng.integers(3)) if isinstance(action, int) else [float(np.float32(rng.uniform(-1, 1)))]
            )
        output = output_for(task, action)
        step = task.stepped(ours, output)
        given = action if isinstance(action, int) else np.array(action, dtype=np.float32)
        if name == "pendulum":
            given = 4 * given  # ours is in units of the strongest, and both cut off what is stronger
        seen, reward, terminated, truncated, _ = world.step(given)
        found = np.array(world.unwrapped.state, dtype=np.float64)
        assert step.state.numpy() == pytest.approx(found, rel=tolerance, abs=tolerance)
        assert float(step.reward) == pytest.approx(float(reward), rel=tolerance, abs=tolerance)
        assert bool(step.ended) == terminated
        total, number, ended = total + float(reward), number + 1, terminated or truncated
    assert terminated == (name != "pendulum"), "the policy gets there"
    assert number <= task.steps
    assert number == task.steps or terminated
    world.close()


def seen_as_ours(name: str, seen: np.ndarray) -> np.ndarray:
    return (seen - [-0.3, 0.0]) / [0.9, 0.07] if name.startswith("mountain") else seen


@pytest.mark.parametrize("name", WORLDS)
def test_episodes_start_where_gymnasium_s_do(name):
    kind, theirs, _, _ = WORLDS[name]
    world = gymnasium.make(theirs)
    theirs = np.array([started(world, seed) for seed in range(300)])
    ours = kind().start(torch.arange(300)).numpy()
    for quantile in (0, 0.25, 0.5, 0.75, 1):  # of 300 numbers: within about a tenth of their range
        near = np.abs(np.quantile(ours, quantile, axis=0) - np.quantile(theirs, quantile, axis=0))
        assert (near <= 0.12 * np.ptp(theirs, axis=0)).all()
    world.close()


def started(world: gymnasium.Env, seed: int) -> np.ndarray:
    world.reset(seed=seed)
    return np.array(world.unwrapped.state, dtype=np.float64)


@pytest.mark.parametrize("name", WORLDS)
def test_the_longest_episode_and_the_threshold_are_gymnasium_s(name):
    kind, theirs, _, _ = WORLDS[name]
    assert kind.steps == gymnasium.spec(theirs).max_episode_steps
    if name != "pendulum":
        assert kind.solved == gymnasium.spec(theirs).reward_threshold
