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
            "a grid about each parameter's present value, over a range that adapts",
            tags=("coordinate",),
            access="losses",
        ),
        Lazy(
            "pattern-search",
            "nogd_local.pattern_search:PatternSearch",
            "a step up and down in each parameter, then a leap on in the direction that paid off",
            tags=("coordinate", "direct-search"),
            access="losses",
        ),
        Lazy(
            "shuffled-pattern-search",
            "nogd_local.shuffled_pattern_search:ShuffledPatternSearch",
            "steps in single parameters in random order, the first that helps is taken",
            tags=("coordinate", "direct-search"),
            access="losses",
        ),
        Lazy(
            "simulated-annealing",
            "nogd_local.simulated_annealing:SimulatedAnnealing",
            "random steps, uphill too, the more seldom the colder it is",
            tags=("annealing", "coordinate"),
            access="losses",
        ),
        Lazy(
            "one-plus-one-es",
            "nogd_local.one_plus_one_es:OnePlusOne",
            "one random child a step, and a step size that one success in five keeps",
            tags=("evolution",),
            access="losses",
        ),
        Lazy(
            "nelder-mead",
            "nogd_local.nelder_mead:NelderMead",
            "a simplex whose worst corner moves through the middle of the others",
            tags=("direct-search",),
            access="losses",
        ),
        Lazy(
            "powell",
            "nogd_local.powell:Powell",
            "line searches along directions, of which the useful ones are learnt",
            tags=("direct-search",),
            access="losses",
        ),
    ]
