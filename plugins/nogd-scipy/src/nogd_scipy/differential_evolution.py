"""Differential evolution by scipy, a generation at a time."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy import optimize

from nogd import Loop, Questions

Array = np.ndarray[Any, np.dtype[np.float64]]

ENDLESS = 10**9


class DifferentialEvolution(Loop):
    """Differential evolution as scipy has it, in its deferred form: all children of a generation are scored together.

    The first population is the start and points drawn from the search box, within which all stay. A generation costs
    `population` forwards; a step is one or more of them, as scipy keeps the loop. It ends where all of a population
    have the same loss; there is no polishing by gradients of differences. Source: Storn and Price 1997, doi
    10.1023/A:1008202821328; scipy (Virtanen et al. 2020, doi 10.1038/s41592-019-0686-2).
    """

    name: ClassVar[str] = "scipy-de"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution"})
    strategy: Literal["best1bin", "rand1bin", "randtobest1bin", "currenttobest1bin"] = Field(
        "best1bin", description="how a mutant is made"
    )
    population: int = Field(40, ge=5, description="points of a generation")
    mutation: float = Field(0.7, gt=0, lt=2, description="factor of a difference, F")
    recombination: float = Field(0.7, ge=0, le=1, description="chance of a gene of the mutant, CR")

    def drive(self, ask: Questions, theta: Array, seed: int) -> str:
        low, high = (
            each.detach().cpu().numpy().astype(np.float64) for each in (ask.space.low, ask.space.high)
        )
        rng = np.random.default_rng(seed)
        first = rng.uniform(low, high, (self.population, len(theta)))
        first[0] = theta
        found = optimize.differential_evolution(
            lambda columns: ask.all(columns.T),
            list(zip(low, high, strict=True)),
            strategy=self.strategy,
            mutation=self.mutation,
            recombination=self.recombination,
            init=first,
            maxiter=ENDLESS,
            tol=0,
            polish=False,
            updating="deferred",
            vectorized=True,
            rng=rng,
        )
        return str(found.message)
