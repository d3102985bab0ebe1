"""L-BFGS on nogd's meter: scipy's, with its own line search."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.optimize import minimize

import nogd
from nogd import Learner, Loop


class Lbfgs(Loop):
    """Limited-memory BFGS (Liu and Nocedal 1989, doi 10.1007/BF01589116); every gradient counts."""

    name: ClassVar[str] = "l-bfgs"
    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})

    def drive(self, ask: Any, theta: np.ndarray[Any, np.dtype[np.float64]], seed: int) -> str:
        found = minimize(
            ask,
            theta,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 10**6, "maxfun": 10**6, "ftol": 0, "gtol": 0},
        )
        return str(found.message)


@nogd.hookimpl
def nogd_learners() -> tuple[type[Learner], ...]:
    """For `nogd run --plugin experiments/outputs/rivals.py`."""
    return (Lbfgs,)
