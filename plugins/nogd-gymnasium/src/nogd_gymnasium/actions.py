"""What a policy's outputs do in an environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Space

from nogd.errors import InvalidSetting
from nogd_gymnasium.environments import Floats


@dataclass(frozen=True)
class Actions:
    """How many outputs a policy has, and the action that outputs `[outputs]`, all finite, stand for."""

    outputs: int
    action: Callable[[Floats], Any]

    def __call__(self, outputs: Floats) -> Any:
        """A network that overflows still acts: what is not a number counts as 0."""
        return self.action(np.nan_to_num(outputs))


def actions_of(space: Space[Any], name: str) -> Actions:
    """The actions of an environment. Raises InvalidSetting for a space that no outputs stand for."""
    match space:
        case Discrete():
            return Actions(int(space.n), lambda outputs: int(space.start + outputs.argmax()))
        case MultiDiscrete():
            return _several(space)
        case MultiBinary():
            return Actions(
                int(np.prod(space.shape)),
                lambda outputs: (outputs > 0).astype(space.dtype).reshape(space.shape),
            )
        case Box():
            return _forces(space)
    raise InvalidSetting(
        f"an action in {name!r} is {type(space).__name__}; a policy here chooses Discrete, MultiDiscrete, MultiBinary"
        " or Box."
    )


def _several(space: MultiDiscrete) -> Actions:
    """A choice of the greatest for each group of outputs."""
    counts = space.nvec.reshape(-1)
    stops = np.cumsum(counts)[:-1]

    def action(outputs: Floats) -> Any:
        chosen = np.array([group.argmax() for group in np.split(outputs, stops)])
        return (chosen.reshape(space.shape) + space.start).astype(space.dtype)

    return Actions(int(counts.sum()), action)


def _forces(space: Box) -> Actions:
    """From -1 to 1 for the whole range where there is one, cut off outside; else outputs as they are."""
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    finite = np.isfinite(low) & np.isfinite(high)
    top, bottom = np.where(finite, high, 1.0), np.where(finite, low, -1.0)
    middle, reach = (top + bottom) / 2, (top - bottom) / 2

    def action(outputs: Floats) -> Any:
        forces = np.clip(middle + reach * outputs.reshape(space.shape), low, high)
        return (np.rint(forces) if space.dtype.kind in "iu" else forces).astype(space.dtype)

    return Actions(int(np.prod(space.shape)), action)
