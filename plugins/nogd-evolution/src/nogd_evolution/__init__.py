"""Evolution for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy


@hookimpl
def nogd_learners() -> list[Lazy]:
    """Offer this package's learners to nogd."""
    tags = ("evolution",)
    return [
        Lazy(
            "snes",
            "nogd_evolution.snes:Snes",
            "natural evolution strategy with a deviation for each parameter",
            tags=tags,
            access="losses",
        ),
        Lazy(
            "xnes",
            "nogd_evolution.xnes:Xnes",
            "natural evolution strategy with a full covariance matrix",
            tags=tags,
            access="losses",
        ),
        Lazy(
            "cma-es",
            "nogd_evolution.cma_es:CmaEs",
            "covariance matrix adaptation: learns how parameters depend on each other, up to 1,000 of them",
            tags=tags,
            access="losses",
        ),
        Lazy(
            "sep-cma-es",
            "nogd_evolution.sep_cma_es:SepCmaEs",
            "CMA-ES whose covariance is diagonal: a step size for each parameter, any number of them",
            tags=tags,
            access="losses",
        ),
        Lazy(
            "lm-ma-es",
            "nogd_evolution.lm_ma_es:LmMaEs",
            "matrix adaptation with a limited memory: a few directions in place of a covariance matrix",
            tags=tags,
            access="losses",
        ),
        Lazy(
            "cr-fm-nes",
            "nogd_evolution.cr_fm_nes:CrFmNes",
            "fast moving natural evolution strategy, with a diagonal and one direction as its covariance",
            tags=tags,
            access="losses",
        ),
    ]
