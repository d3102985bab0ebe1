"""Measure what the best constant action returns: `python measure_constants.py ENVIRONMENT...`.

Of each discrete action, or of 200 drawn evenly from the range beside its middle, the mean return of 10 episodes; of the
best ten of these, that of 50 others. The best of ten is then measured again, in 100 further episodes, and printed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from nogd_gymnasium.environments import Env, made

DRAWN, KEPT = 200, 10


def main() -> None:
    """A line for each environment."""
    for name in sys.argv[1:]:
        env = made(name)
        candidates = _candidates(env)
        for episodes, keep in ((range(10), KEPT), (range(10, 60), 1)):
            candidates = sorted(candidates, key=lambda action: -_mean(env, action, episodes))[:keep]
        print(f"{name}: {_mean(env, candidates[0], range(60, 160)):.6g} by {candidates[0]}", flush=True)


def _candidates(env: Env) -> list[Any]:
    match env.action_space:
        case Discrete() as space:
            return list(range(int(space.start), int(space.start + space.n)))
        case Box() as space:
            rng = np.random.default_rng(0)
            drawn = list(rng.uniform(space.low, space.high, (DRAWN, *space.shape)).astype(space.dtype))
            return [((space.low + space.high) / 2).astype(space.dtype), *drawn]
    raise SystemExit(f"{env.action_space} is neither Discrete nor Box.")


def _mean(env: Env, action: Any, seeds: Sequence[int]) -> float:
    return float(np.mean([_return(env, action, seed) for seed in seeds]))


def _return(env: Env, action: Any, seed: int) -> float:
    env.reset(seed=seed)
    total, over = 0.0, False
    while not over:
        _, reward, terminated, truncated, _ = env.step(action)
        total, over = total + float(reward), terminated or truncated
    return total


if __name__ == "__main__":
    main()
