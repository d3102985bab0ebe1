"""scipy for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy


@hookimpl
def nogd_learners() -> list[Lazy]:
    """Offer this package's learners to nogd."""
    return [
        Lazy(
            "scipy-minimize",
            "nogd_scipy.minimize:Minimize",
            "scipy.optimize.minimize by a method without gradients",
            tags=("direct-search",),
            access="losses",
        ),
        Lazy(
            "scipy-de",
            "nogd_scipy.differential_evolution:DifferentialEvolution",
            "scipy.optimize.differential_evolution, a generation at a time",
            tags=("evolution",),
            access="losses",
        ),
        Lazy(
            "scipy-least-squares",
            "nogd_scipy.least_squares:LeastSquares",
            "scipy.optimize.least_squares on outputs, for squared errors",
            tags=("gauss-newton",),
            access="outputs",
        ),
    ]
