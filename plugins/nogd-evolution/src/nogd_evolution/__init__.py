"""Evolution for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy


@hookimpl
def nogd_learners() -> list[Lazy]:
    """Offer this package's learners to nogd."""
    return [
        Lazy(
            "snes",
            "nogd_evolution.snes:Snes",
            "natural evolution strategy with a deviation for each parameter",
            tags=("evolution",),
            access="losses",
        ),
    ]
