"""Nevergrad for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy


@hookimpl
def nogd_learners() -> list[Lazy]:
    """Offer this package's learners to nogd."""
    return [
        Lazy(
            "nevergrad",
            "nogd_nevergrad.nevergrad:Nevergrad",
            "an optimiser of Nevergrad, asked and told",
            tags=("evolution",),
            access="losses",
        ),
    ]
