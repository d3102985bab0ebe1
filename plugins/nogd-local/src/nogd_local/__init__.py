"""Local search for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.registry import Lazy


@hookimpl
def nogd_learners() -> list[Lazy]:
    """Offer this package's learners to nogd."""
    return [
        Lazy(
            "pattern-search",
            "nogd_local.pattern_search:PatternSearch",
            "a step up and down in each parameter, then a leap on in the direction that paid off",
        ),
    ]
