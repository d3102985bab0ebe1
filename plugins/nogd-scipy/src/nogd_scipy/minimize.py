"""scipy.optimize.minimize by a method that needs no gradient."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy import optimize

from nogd import Loop, Objective, Questions

Array = np.ndarray[Any, np.dtype[np.float64]]

LARGEST = 2_000
"""Parameters; each of the methods keeps D^2 numbers or more."""
ENDLESS = 10**9


class Minimize(Loop):
    """A method of `scipy.optimize.minimize` without gradients, with scipy's own defaults but for its first step.

    `powell`: line searches along directions that helped; `nelder-mead`: a simplex, in scipy's adaptive form; `cobyla`
    and `cobyqa`: a linear or quadratic model of the loss within a radius. Each asks for one point at a time, a forward
    each, and the start is the first one; a step is 64, 128, 256, ... of them, as scipy keeps the loop. It ends by the
    method's own criteria. Sources: scipy (Virtanen et al. 2020, doi 10.1038/s41592-019-0686-2); Powell 1964, doi
    10.1093/comjnl/7.2.155; Gao and Han 2012, doi 10.1007/s10589-010-9329-3; Powell 1994, doi
    10.1007/978-94-015-8330-5_4; Ragonneau 2022, COBYQA.
    """

    name: ClassVar[str] = "scipy-minimize"
    tags: ClassVar[frozenset[str]] = frozenset({"direct-search"})
    method: Literal["powell", "nelder-mead", "cobyla", "cobyqa"] = Field(
        "powell", description="scipy's method"
    )
    sigma: float = Field(
        0.3, gt=0, allow_inf_nan=False, description="first step along each weight, or first radius"
    )

    def supports(self, objective: Objective) -> str | None:
        if objective.D <= LARGEST:
            return None
        return (
            f"scipy's {self.method} of {objective.D:,} parameters takes too much memory or time, and {LARGEST:,} is the"
            " most; one-plus-one-es takes any number"
        )

    def drive(self, ask: Questions, theta: Array, seed: int) -> str:
        with np.errstate(all="ignore"):  # parabolas are tried where losses may be huge, and checked
            found = optimize.minimize(ask, theta, method=self.method, options=self._options(theta))
        return str(found.message)

    def _options(self, theta: Array) -> dict[str, Any]:
        steps = self.sigma * np.eye(len(theta))
        match self.method:
            case "powell":
                return {"direc": steps, "maxfev": ENDLESS, "maxiter": ENDLESS}
            case "nelder-mead":
                simplex = np.vstack([theta, theta + steps])
                return {
                    "initial_simplex": simplex,
                    "adaptive": True,
                    "maxfev": ENDLESS,
                    "maxiter": ENDLESS,
                }
            case "cobyla":
                return {"rhobeg": self.sigma, "maxiter": ENDLESS}
            case _:
                return {
                    "initial_tr_radius": self.sigma,
                    "final_tr_radius": min(1e-6, self.sigma),
                    "maxfev": ENDLESS,
                    "maxiter": ENDLESS,
                }
