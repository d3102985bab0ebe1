"""torch.optim for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy
from nogd_torch_optim.names import class_names, name_of


@hookimpl
def nogd_learners() -> list[Lazy]:
    """Offer a learner for each optimiser of the torch that is installed."""
    return [
        Lazy(
            name_of(each),
            f"nogd_torch_optim.learners:Torch{each}",
            f"torch.optim.{each}, as it is",
            tags=("gradient",),
            access="gradient",
        )
        for each in class_names()
    ]
