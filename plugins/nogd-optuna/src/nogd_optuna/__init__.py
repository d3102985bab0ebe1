"""Optuna for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy


@hookimpl
def nogd_learners() -> list[Lazy]:
    """Offer this package's learners to nogd."""
    return [
        Lazy(
            "optuna",
            "nogd_optuna.optuna:Optuna",
            "a sampler of Optuna (TPE by default), asked for points in the search box",
            tags=("bayesian",),
            access="losses",
        ),
    ]
