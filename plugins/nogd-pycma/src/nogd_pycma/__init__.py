"""pycma for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy


@hookimpl
def nogd_learners() -> list[Lazy]:
    """Offer this package's learners to nogd."""
    return [
        Lazy(
            "pycma",
            "nogd_pycma.pycma:Pycma",
            "CMA-ES by pycma, Hansen's own implementation",
            tags=("evolution",),
            access="losses",
        ),
    ]
