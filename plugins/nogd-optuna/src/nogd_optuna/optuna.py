"""Optuna's samplers: a study is asked for trials and told their losses."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Literal

import numpy as np
import optuna
from pydantic import Field

from nogd import LibraryAskTell, Objective, ParameterSpace

Array = np.ndarray[Any, np.dtype[np.float64]]

LARGEST = 100
"""Parameters: each of them is sampled by itself, so that a trial takes as many milliseconds or more."""


class Optuna(LibraryAskTell):
    """A study of Optuna whose parameters are the weights, each within its search box.

    `tpe`: a tree-structured Parzen estimator, which models good and bad trials weight by weight; `gp`: Gaussian
    processes, for a few hundred trials; `qmc`: points that cover the box evenly; `random`: independent ones. The first
    trial is the start, where it lies in the box. A step, which is an iteration, asks for `population` trials, 1 forward
    each; the start costs 1 more. Optuna is made for tens of parameters and hundreds of trials, as a step takes longer
    the more there are: it ends after `trials`. Source: Akiba et al. 2019, arXiv:1907.10902; TPE: Bergstra et al. 2011,
    NeurIPS.
    """

    name: ClassVar[str] = "optuna"
    tags: ClassVar[frozenset[str]] = frozenset({"bayesian"})
    sampler: Literal["tpe", "gp", "qmc", "random"] = Field("tpe", description="Optuna's sampler")
    population: int = Field(4, ge=1, description="trials asked for together")
    trials: int = Field(200, ge=1, description="trials in all, if the budget allows")

    def supports(self, objective: Objective) -> str | None:
        if objective.D > LARGEST:
            return f"Optuna takes {LARGEST} parameters at most, not {objective.D:,}; pycma and scipy-de take more"
        if bool((objective.space.low >= objective.space.high).any()):
            return "Optuna needs a search box with a width"
        return None

    def make(self, space: ParameterSpace, theta: Array, seed: int) -> Any:
        low, high = (each.detach().cpu().double().numpy() for each in (space.low, space.high))
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():  # that a sampler is experimental is said of most
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study = optuna.create_study(sampler=self._sampler(seed))
        box: dict[str, optuna.distributions.BaseDistribution] = {
            str(k): optuna.distributions.FloatDistribution(float(a), float(b))
            for k, (a, b) in enumerate(zip(low, high, strict=True))
        }
        if ((low <= theta) & (theta <= high)).all():
            study.enqueue_trial({str(k): float(value) for k, value in enumerate(theta)})
        return _Study(study, box)

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        match self.sampler:
            case "tpe":
                return optuna.samplers.TPESampler(seed=seed)
            case "gp":
                return optuna.samplers.GPSampler(seed=seed)
            case "qmc":
                return optuna.samplers.QMCSampler(seed=seed, scramble=True)
            case "random":
                return optuna.samplers.RandomSampler(seed=seed)

    def ask(self, library: _Study) -> Array:
        return library.ask(self.population)

    def tell(self, library: _Study, points: Array, losses: Array) -> str | None:
        library.tell(losses)
        return f"{self.trials} trials were made" if library.told >= self.trials else None


class _Study:
    """A study, its box, and the trials that it was asked for and has not been told of."""

    def __init__(self, study: optuna.Study, box: dict[str, optuna.distributions.BaseDistribution]) -> None:
        self._study, self._box = study, box
        self._trials: list[optuna.Trial] = []
        self.told = 0

    def ask(self, count: int) -> Array:
        self._trials = [self._study.ask(self._box) for _ in range(count)]
        return np.array([[trial.params[name] for name in self._box] for trial in self._trials])

    def tell(self, losses: Array) -> None:
        for trial, loss in zip(self._trials, losses.tolist(), strict=True):
            self._study.tell(trial, loss)
        self.told += len(losses)
