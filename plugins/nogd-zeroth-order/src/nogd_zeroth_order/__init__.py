"""Zeroth-order optimisation for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy

_TAGS = ("zeroth-order",)


@hookimpl
def nogd_learners() -> list[Lazy]:
    """Offer this package's learners to nogd."""
    losses = (
        ("spsa", "spsa:Spsa", "two losses a step, all parameters changed by plus or minus the same amount"),
        ("zo-sgd", "zo_sgd:ZoSgd", "gradient descent with momentum on estimates from random directions"),
        (
            "zo-sign",
            "zo_sign:ZoSign",
            "steps of one size along the signs of estimates from random directions",
        ),
        ("zo-adam", "zo_adam:ZoAdam", "Adam on estimates from random directions"),
        ("guided-es", "guided_es:GuidedEs", "directions that lie, in part, where earlier estimates pointed"),
        ("mezo", "mezo:Mezo", "directions kept as seeds: the memory of inference"),
        ("fzoo", "fzoo:Fzoo", "one-sided estimates, divided by the standard deviation of the losses"),
        ("lozo", "lozo:Lozo", "directions of low rank, in a subspace that stays for some steps"),
        ("qes", "qes:Qes", "weights on a lattice, and what rounding takes carried over"),
    )
    return [
        *(
            Lazy(name, f"nogd_zeroth_order.{target}", summary, tags=_TAGS, access="losses")
            for name, target, summary in losses
        ),
        Lazy(
            "forward-gradient",
            "nogd_zeroth_order.forward_gradient:ForwardGradient",
            "exact derivatives along random directions, without back-propagation",
            tags=_TAGS,
            access="directional",
        ),
    ]
