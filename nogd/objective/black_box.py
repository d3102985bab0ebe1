"""Score candidates by any callable `score(module) -> float`: a simulator, a piece of hardware, a user's own loop."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nogd.errors import InvalidSetting
from nogd.objective.cost import BLACK_BOX_COST, Cost
from nogd.objective.space import ParameterSpace
from nogd.objective.turns import Turns

Score = Callable[[nn.Module], float]


class BlackBox:
    """A callable that scores the user's own module, one candidate at a time; each score counts one forward."""

    engine = "black box"
    why = "each candidate is one call of the score"
    stack = None
    examples = 1

    def __init__(self, module: nn.Module, space: ParameterSpace, score: Score) -> None:
        self.module, self.space, self.score = module, space, score
        self._turns = Turns()  # at the module, which holds one candidate at a time

    def cost(self) -> Cost:
        """A score costs one forward; there is no gradient."""
        return BLACK_BOX_COST

    def losses(self, thetas: Tensor, rows: Tensor | None = None) -> Tensor:
        """Scores of thetas `[P, D]`, as `[P]`. Raises InvalidSetting if the score does not give a number."""
        return torch.tensor(
            [self._score(theta) for theta in thetas], dtype=thetas.dtype, device=thetas.device
        )

    def _score(self, theta: Tensor) -> float:
        with self._turns, torch.no_grad():
            self.space.write(theta, self.module)
            value: object = self.score(self.module)
        if isinstance(value, Tensor):
            value = value.detach()
        try:
            return float(value)  # type: ignore[arg-type] # whatever the user's score gave
        except (TypeError, ValueError, RuntimeError):
            raise InvalidSetting(
                f"the score must give one number for a module, but it gave {type(value).__name__} {value!r:.80}."
            ) from None
