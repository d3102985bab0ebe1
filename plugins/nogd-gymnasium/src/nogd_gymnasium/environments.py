"""Make environments of gymnasium, or say in one sentence why one cannot be made."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Space
from gymnasium.spaces.utils import flatdim, flatten

from nogd.errors import InvalidSetting, first_line

Env = gymnasium.Env[Any, Any]
Floats = npt.NDArray[np.float64]


def made(name: str, steps: int | None = None, **options: Any) -> Env:
    """The environment of that name, whose episodes end after `steps` if given, else as its registry says.

    :raises InvalidSetting: if gymnasium does not know it, something that it needs is missing, or its episodes have no
        end.
    """
    limit = {} if steps is None else {"max_episode_steps": steps}
    try:
        env: Env = gymnasium.make(name, disable_env_checker=True, **limit, **options)
    except Exception as why:  # an environment is anybody's code, and raises what it likes
        reason = (first_line(why) or type(why).__name__).rstrip(".")
        raise InvalidSetting(f"the environment {name!r} cannot be made: {reason}.") from None
    if env.spec is None or env.spec.max_episode_steps is None:
        raise InvalidSetting(
            f"episodes of {name!r} have no time limit; set one, such as steps=200, or a run might never end."
        )
    return env


def observed(env: Env, observation: Any) -> Floats:
    """What is seen as one row of numbers `[O]`, a choice among n as n numbers of which one is 1."""
    return np.asarray(flatten(env.observation_space, observation), dtype=np.float64).reshape(-1)


def inputs_of(space: Space[Any], name: str) -> int:
    """How many numbers an observation has. Raises InvalidSetting where their number is not fixed."""
    if not space.is_np_flattenable:
        raise InvalidSetting(
            f"what is observed in {name!r} is {type(space).__name__}, which has no fixed number of numbers; a policy"
            " here sees Box, Discrete, MultiBinary or MultiDiscrete, or a Dict or Tuple of these."
        )
    return flatdim(space)
