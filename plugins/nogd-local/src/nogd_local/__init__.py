"""Local search for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy


@hookimpl
def nogd_learners() -> list[Lazy]:
    """Offer this package's learners to nogd."""
    return [
        Lazy(
            "guess-and-check",
            "nogd_local.guess_and_check:GuessAndCheck",
            "draw whole networks until one fits perfectly",
            tags=("random",),
            access="losses",
        ),
        Lazy(
            "refining-grid-search",
            "nogd_local.refining_grid_search:RefiningGridSearch",
            "a grid around each parameter's current value, over a range that adapts",
            tags=("coordinate",),
            access="losses",
        ),
        Lazy(
            "pattern-search",
            "nogd_local.pattern_search:PatternSearch",
            "a step up and down in each parameter, then a pattern move in the direction that helped",
            tags=("coordinate", "direct-search"),
            access="losses",
        ),
        Lazy(
            "shuffled-pattern-search",
            "nogd_local.shuffled_pattern_search:ShuffledPatternSearch",
            "steps in single parameters in random order, taking the first that helps",
            tags=("coordinate", "direct-search"),
            access="losses",
        ),
        Lazy(
            "simulated-annealing",
            "nogd_local.simulated_annealing:SimulatedAnnealing",
            "random steps, also uphill, but less often as the temperature falls",
            tags=("annealing", "coordinate"),
            access="losses",
        ),
        Lazy(
            "one-plus-one-es",
            "nogd_local.one_plus_one_es:OnePlusOne",
            "one random child per step; the step size adapts to one success in five",
            tags=("evolution",),
            access="losses",
        ),
        Lazy(
            "nelder-mead",
            "nogd_local.nelder_mead:NelderMead",
            "a simplex whose worst vertex is reflected through the centroid of the others",
            tags=("direct-search",),
            access="losses",
        ),
        Lazy(
            "powell",
            "nogd_local.powell:Powell",
            "line searches along a set of directions that it learns",
            tags=("direct-search",),
            access="losses",
        ),
    ]
