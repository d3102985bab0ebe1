"""Nevergrad's optimisers: asked for candidates and told their losses."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import nevergrad as ng
import numpy as np
from pydantic import Field

from nogd import LibraryAskTell, Objective, ParameterSpace

Array = np.ndarray[Any, np.dtype[np.float64]]

LARGEST = 2_000
"""Parameters of an optimiser that keeps a full covariance matrix."""


class Nevergrad(LibraryAskTell):
    """An optimiser of Nevergrad, with its own defaults but for `sigma`, the scale of its first mutations.

    Offered are those that repeat themselves, work on today's numpy and need no bounds (its PSO draws from all numbers
    where there are none). A step, which is an iteration, asks for
    `population` candidates, 1 forward each; the start costs 1 more. Source: Bennet et al. 2021, doi
    10.1145/3460310.3460312.
    """

    name: ClassVar[str] = "nevergrad"
    WORST: ClassVar[float] = 1e20  # from 5e20 on Nevergrad warns, and clips
    tags: ClassVar[frozenset[str]] = frozenset({"evolution"})
    optimizer: Literal["OnePlusOne", "CMA", "DiagonalCMA", "DE", "TwoPointsDE", "TBPSA"] = Field(
        "TwoPointsDE", description="as Nevergrad calls it"
    )
    sigma: float = Field(
        0.3, gt=0, allow_inf_nan=False, description="scale of the first mutations, in theta's units"
    )
    population: int = Field(30, ge=1, description="candidates asked for together, Nevergrad's workers")

    def supports(self, objective: Objective) -> str | None:
        if self.optimizer == "CMA" and objective.D > LARGEST:
            return (
                f"a full covariance matrix of {objective.D:,} parameters takes too long, and {LARGEST:,} is the most;"
                " nevergrad,optimizer=DiagonalCMA takes them"
            )
        return None

    def make(self, space: ParameterSpace, theta: Array, seed: int) -> Any:
        place = ng.p.Array(init=theta).set_mutation(sigma=self.sigma)
        place.random_state = np.random.RandomState(seed)
        made = ng.optimizers.registry[self.optimizer](place, num_workers=self.population)
        return _Optimizer(made)

    def ask(self, library: _Optimizer) -> Array:
        return library.ask(self.population)

    def tell(self, library: _Optimizer, points: Array, losses: Array) -> str | None:
        library.tell(np.minimum(losses, self.WORST))
        return None


class _Optimizer:
    """An optimiser, and the candidates that it was asked for and has not been told of."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer
        self._candidates: list[Any] = []

    def ask(self, count: int) -> Array:
        self._candidates = [self._optimizer.ask() for _ in range(count)]
        return np.array([candidate.value for candidate in self._candidates])

    def tell(self, losses: Array) -> None:
        for candidate, loss in zip(self._candidates, losses.tolist(), strict=True):
            self._optimizer.tell(candidate, loss)
