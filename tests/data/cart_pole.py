"""Record what gymnasium's CartPole-v1 does: `python tests/data/cart_pole.py`, with gymnasium 1.4.0 installed.

It writes cart_pole.json beside itself: of each episode the action, state, reward and ends of each step, the state that
it began with, and the version of gymnasium. Half of the episodes are steered well enough to run out of time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

EPISODES = 4


def episode(seed: int) -> dict[str, Any]:
    """One episode of CartPole-v1, which ends after 500 steps at the latest."""
    env = gymnasium.make("CartPole-v1")
    env.reset(seed=seed)
    pole, rng = env.unwrapped, np.random.default_rng(seed)
    told: dict[str, Any] = {"start": pole.state.tolist(), "actions": [], "states": [], "rewards": []}
    while True:
        steered = int(pole.state @ np.array([0.1, 0.3, 3.0, 1.0]) > 0)
        action = steered if seed % 2 else int(rng.integers(2))
        _, reward, fell, late, _ = env.step(action)
        told["actions"].append(action)
        told["states"].append(pole.state.tolist())
        told["rewards"].append(float(reward))
        if fell or late:
            return told | {"fell": bool(fell), "late": bool(late)}


if __name__ == "__main__":
    found = {"gymnasium": gymnasium.__version__, "episodes": [episode(seed) for seed in range(EPISODES)]}
    Path(__file__).with_suffix(".json").write_text(json.dumps(found) + "\n", encoding="utf-8")
