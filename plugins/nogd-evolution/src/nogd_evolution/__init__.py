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
        Lazy(
            "openai-es",
            "nogd_evolution.openai_es:OpenAiEs",
            "mirrored noise weighted by rank, and Adam; keeps seeds only where memory matters",
            tags=("evolution",),
            access="losses",
        ),
        Lazy(
            "de",
            "nogd_evolution.differential_evolution:DifferentialEvolution",
            "candidates from differences of members of a population (DE/rand/1/bin)",
            tags=("evolution",),
            access="losses",
        ),
        Lazy(
            "l-shade",
            "nogd_evolution.l_shade:LShade",
            "differential evolution that learns its factors, with a population that shrinks",
            tags=("evolution",),
            access="losses",
        ),
        Lazy(
            "cem",
            "nogd_evolution.cem:Cem",
            "fit a normal distribution to the best candidates drawn from it",
            tags=("evolution",),
            access="losses",
        ),
        Lazy(
            "ga",
            "nogd_evolution.ga:Ga",
            "copy the best candidates with noise and keep the very best",
            tags=("evolution",),
            access="losses",
        ),
        Lazy(
            "pso",
            "nogd_evolution.pso:Pso",
            "particles that are drawn to their own best place and to that of others",
            tags=("evolution", "swarm"),
            access="losses",
        ),
        Lazy(
            "pgpe",
            "nogd_evolution.pgpe:Pgpe",
            "gradients of a mean and deviations, in steps whose length ClipUp bounds",
            tags=("evolution",),
            access="losses",
        ),
        Lazy(
            "ars",
            "nogd_evolution.ars:Ars",
            "steps along the best random directions, in units of the losses' deviation",
            tags=("evolution", "zeroth-order"),
            access="losses",
        ),
        Lazy(
            "ars-v2",
            "nogd_evolution.ars_v2:ArsV2",
            "ars, with inputs normalised by what the candidates have observed; for policies",
            tags=("evolution", "zeroth-order"),
            access="closed-form",
        ),
        Lazy(
            "eggroll",
            "nogd_evolution.eggroll:EggRoll",
            "mirrored noise of low rank in each weight matrix",
            tags=("evolution",),
            access="losses",
        ),
        Lazy(
            "polystep",
            "nogd_evolution.polystep:PolyStep",
            "probe the corners of small polytopes and move to their weighted mean",
            tags=("evolution", "subspace"),
            access="losses",
        ),
    ]
