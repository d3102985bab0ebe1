"""Returns that are score 0 and score 1, by environment.

Score 1 is the reward threshold in gymnasium's registry. It has none for Pendulum-v1: there it is the return of DDPG and
TD3 in the benchmark of RL Baselines3 Zoo (-152.1 and -151.9).

Score 0 is the mean return of the best constant action: of the five classic ones, whose dynamics nogd has in plain
torch, as measured there in up to 40,000 episodes; of the others in 100, by `measure_constants.py` beside this package's
README.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple


class Scale(NamedTuple):
    """Returns: constant is score 0, solved is score 1."""

    constant: float
    solved: float


UNKNOWN = Scale(math.nan, math.nan)
SCALES = {
    "Acrobot-v1": Scale(-500.0, -100.0),
    "CartPole-v1": Scale(9.3, 475.0),
    "MountainCar-v0": Scale(-200.0, -110.0),
    "MountainCarContinuous-v0": Scale(0.0, 90.0),
    "Pendulum-v1": Scale(-1_218.0, -152.0),
    "FrozenLake-v1": Scale(0.04, 0.7),
    "Taxi-v4": Scale(-200.0, 8.0),
    "Hopper-v5": Scale(176.0, 3_800.0),
    "InvertedDoublePendulum-v5": Scale(84.7, 9_100.0),
    "InvertedPendulum-v5": Scale(23.3, 950.0),
    "Reacher-v5": Scale(-9.65, -3.75),
}


class _OfEnvironment:
    """A class attribute that is, of a task, the return for its environment; NaN where nobody has measured one."""

    def __init__(self, part: str) -> None:
        self._part = part

    def __get__(self, task: Any, owner: Any) -> float:
        return float(
            getattr(
                UNKNOWN if task is None else scale_of(task.env, task.steps, task.zero, task.one), self._part
            )
        )


def of_environment(part: str) -> Any:
    """A return that depends on the environment; `part` is "constant" or "solved". Typed as what it stands for."""
    return _OfEnvironment(part)


def scale_of(env: str, steps: int | None, zero: float | None, one: float | None) -> Scale:
    """The scale of an environment: what the user states, else what is known of episodes of its own length."""
    if zero is not None and one is not None:
        return Scale(zero, one)
    return SCALES.get(env, UNKNOWN) if steps is None else UNKNOWN
