"""CMA-ES by pycma: it is asked for a generation and told the losses."""

from __future__ import annotations

from typing import Any, ClassVar

import cma
import numpy as np
from pydantic import Field

from nogd import LibraryAskTell, Objective, ParameterSpace

Array = np.ndarray[Any, np.dtype[np.float64]]

LARGEST = 2_000
"""Parameters with a full covariance matrix, whose decomposition takes about D^3 operations."""


class Pycma(LibraryAskTell):
    """CMA-ES as its author programs it (pycma), with pycma's own defaults but for `sigma`.

    Candidates are normally distributed; mean, step size and covariance follow the better ones, and the covariance also
    turns away from the worst (`active`). A step, which is an iteration, is a generation and costs `population`
    forwards; the start costs 1. It ends by pycma's own criteria; `restarts(pycma)` then goes on with a larger
    population. Source: Hansen 2016, arXiv:1604.00772; Hansen, Akimoto and Baudis, CMA-ES/pycma, doi
    10.5281/zenodo.2559634.
    """

    name: ClassVar[str] = "pycma"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution"})
    sigma: float = Field(
        0.1,
        gt=0,
        allow_inf_nan=False,
        description="first standard deviation of a candidate, in theta's units",
    )
    population: int | None = Field(
        None, ge=4, description="candidates of a generation; 4 + floor(3 ln D) if not given"
    )
    active: bool = Field(True, description="whether bad candidates have negative weights")
    diagonal: bool = Field(False, description="whether the covariance stays diagonal: separable CMA-ES")

    def supports(self, objective: Objective) -> str | None:
        if objective.D == 1:
            return "pycma is not made for a single parameter; nelder-mead and one-plus-one-es take one"
        if objective.D > LARGEST and not self.diagonal:
            return (
                f"a full covariance matrix of {objective.D:,} parameters takes too long, and {LARGEST:,} is the most;"
                " pycma,diagonal=true takes them"
            )
        return None

    def make(self, space: ParameterSpace, theta: Array, seed: int) -> Any:
        options = {
            "CMA_active": self.active,
            "CMA_diagonal": self.diagonal,
            "randn": np.random.RandomState(seed).randn,
            "seed": np.nan,  # numpy's global generator is left alone
            "signals_filename": "",  # and so is the folder
            "verbose": -9,
            "verb_log": 0,
        }
        if self.population is not None:
            options["popsize"] = self.population
        return cma.CMAEvolutionStrategy(theta, self.sigma, options)

    def ask(self, library: Any) -> Array:
        return np.array(library.ask())

    def tell(self, library: Any, points: Array, losses: Array) -> str | None:
        library.tell(list(points), losses.tolist())
        return ", ".join(f"{name} {value}" for name, value in library.stop().items()) or None
