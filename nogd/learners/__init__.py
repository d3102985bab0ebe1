"""The built-in learners, one per file, registered like those of any plugin; reached by name only."""

from __future__ import annotations

from collections.abc import Sequence

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy


@hookimpl
def nogd_learners() -> Sequence[Lazy]:
    """Grid search, Adam and the hybrid of the two from the original study, with what to compare them with."""
    return [
        Lazy(
            "grid-search",
            "nogd.learners.grid_search:GridSearch",
            "try a grid of values for one parameter at a time",
            tags=("coordinate",),
            access="losses",
        ),
        Lazy(
            "exact-line",
            "nogd.learners.exact_line:ExactLine",
            "go to the exact minimum along one parameter at a time",
            tags=("closed-form", "coordinate"),
            access="closed-form",
        ),
        Lazy(
            "adam",
            "nogd.learners.adam:Adam",
            "gradient descent with adaptive moments",
            tags=("gradient",),
            access="gradient",
        ),
        Lazy(
            "sgd",
            "nogd.learners.sgd:Sgd",
            "gradient descent, with momentum if wanted",
            tags=("gradient",),
            access="gradient",
        ),
        Lazy(
            "hybrid",
            "nogd.learners.hybrid:Hybrid",
            "one learner finds a good region, a second one refines",
            tags=("composite",),
            access="gradient",
        ),
        Lazy(
            "random-search",
            "nogd.learners.random_search:RandomSearch",
            "draw at random from the search box and keep the best",
            tags=("random",),
            access="losses",
        ),
        Lazy(
            "random-features",
            "nogd.learners.random_features:RandomFeatures",
            "draw the hidden layers at random and solve the last one",
            tags=("closed-form", "random"),
            access="closed-form",
        ),
        Lazy(
            "swim",
            "nogd.learners.swim:Swim",
            "make each hidden unit of a pair of examples and solve the last layer",
            tags=("closed-form", "random"),
            access="closed-form",
        ),
        Lazy(
            "unit-search",
            "nogd.learners.unit_search:UnitSearch",
            "try other weights for one hidden unit at a time and solve the last layer",
            tags=("closed-form", "coordinate"),
            access="closed-form",
        ),
        Lazy(
            "gauss-newton",
            "nogd.learners.gauss_newton:GaussNewton",
            "solve for a step from the outputs of a few probes, the last layer's derivatives known",
            tags=("gauss-newton", "subspace"),
            access="layers",
        ),
        Lazy(
            "readout",
            "nogd.learners.readout:ReadoutOf",
            "let a learner search the hidden layers and solve the last one for each candidate",
            tags=("closed-form", "composite"),
            access="closed-form",
        ),
        Lazy(
            "restarts",
            "nogd.learners.restarts:Restarts",
            "restart a learner elsewhere when it is finished, with a larger population",
            tags=("composite",),
            access="closed-form",
        ),
    ]
