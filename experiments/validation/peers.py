"""The packages that nogd's learners are compared with: each a search that counts evaluations until 1e-8."""

from __future__ import annotations

import logging
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from driving import search
from valleys import Landscape

import nogd

TARGET, SIGMA = 1e-8, 2.0
Search = Callable[[Landscape, tuple[float, ...], int, int], tuple[bool, float]]
Generations = Iterator[np.ndarray]
"""Losses of one generation after the other, until the method itself has enough."""


def learner(name: str) -> Search:
    """One of nogd's."""
    return lambda landscape, start, most, seed: search(name, landscape, start, most, seed)


def peer(generations: Callable[..., Generations]) -> Search:
    """Another package's. generations: takes a score of points [P, D], the start and a seed."""

    def run(landscape: Landscape, start: tuple[float, ...], most: int, seed: int) -> tuple[bool, float]:
        def score(points: Any) -> np.ndarray:
            return landscape(torch.from_numpy(np.asarray(points))).numpy()

        count = 0
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for losses in generations(score, np.array(start), seed):
                count += len(losses)
                if losses.min() <= TARGET or count >= most:
                    return bool(losses.min() <= TARGET), count
        return False, count

    return run


def pycma(score: Any, start: np.ndarray, seed: int, *, diagonal: bool = False) -> Generations:
    """Hansen's own CMA-ES, active by default."""
    import cma

    options = {"seed": seed + 1, "verbose": -9, "CMA_diagonal": diagonal}
    strategy = cma.CMAEvolutionStrategy(start, SIGMA, options)
    while not strategy.stop():
        points = strategy.ask()
        losses = score(points)
        yield losses
        strategy.tell(points, losses.tolist())


def pycma_diagonal(score: Any, start: np.ndarray, seed: int) -> Generations:
    """The same with a diagonal covariance."""
    return pycma(score, start, seed, diagonal=True)


def cmaes_sep(score: Any, start: np.ndarray, seed: int) -> Generations:
    """sep-CMA-ES as published in 2008: its rates, and no negative weights."""
    from cmaes import SepCMA

    strategy = SepCMA(mean=start, sigma=SIGMA, seed=seed)
    while not strategy.should_stop():
        points = [strategy.ask() for _ in range(strategy.population_size)]
        losses = score(points)
        yield losses
        strategy.tell(list(zip(points, losses.tolist(), strict=True)))


def authors_cr_fm_nes(score: Any, start: np.ndarray, seed: int) -> Generations:
    """CR-FM-NES by its authors."""
    from crfmnes import CRFMNES

    D = len(start)
    population = (nogd.default_population(D) + 1) // 2 * 2
    strategy = CRFMNES(
        D, lambda point: float(score(point.T)[0]), start[:, None].copy(), SIGMA, population, seed=seed
    )
    while True:
        yield strategy.one_iteration()[1]


def evotorch_snes(score: Any, start: np.ndarray, seed: int) -> Generations:
    """EvoTorch's SNES."""
    return _evotorch("SNES", score, start, seed)


def evotorch_xnes(score: Any, start: np.ndarray, seed: int) -> Generations:
    """EvoTorch's XNES."""
    return _evotorch("XNES", score, start, seed)


def _evotorch(name: str, score: Any, start: np.ndarray, seed: int) -> Generations:
    _without_ray()
    from evotorch import Problem, algorithms

    logging.disable(logging.INFO)
    problem = Problem(
        "min",
        lambda points: torch.from_numpy(score(points.numpy())),
        solution_length=len(start),
        initial_bounds=(-4.0, 4.0),
        dtype=torch.float64,
        vectorized=True,
        seed=seed,
    )
    strategy = getattr(algorithms, name)(
        problem,
        stdev_init=SIGMA,
        center_init=torch.from_numpy(start),
        popsize=nogd.default_population(len(start)),
    )
    while True:
        strategy.step()
        yield strategy.population.evals[:, 0].numpy().copy()


def _without_ray() -> None:
    """EvoTorch imports ray, several hundred megabytes, for parallel actors, of which there are none here."""
    if "ray" not in sys.modules:
        ray, util = types.ModuleType("ray"), types.ModuleType("ray.util")
        ray.remote, ray.ObjectRef, util.ActorPool, ray.util = lambda kind: kind, object, object, util  # type: ignore[attr-defined]
        ray.is_initialized = lambda: False  # type: ignore[attr-defined]
        sys.modules |= {"ray": ray, "ray.util": util}


ALGORITHMS: dict[str, Search] = {
    **{
        name: learner(f"{name},sigma=2")
        for name in ("cma-es", "sep-cma-es", "snes", "xnes", "lm-ma-es", "cr-fm-nes")
    },
    "pycma": peer(pycma),
    "pycma, diagonal": peer(pycma_diagonal),
    "cmaes SepCMA": peer(cmaes_sep),
    "crfmnes": peer(authors_cr_fm_nes),
    "evotorch SNES": peer(evotorch_snes),
    "evotorch XNES": peer(evotorch_xnes),
}
"""By the names that the tables show. A learner of nogd is called as it is."""

PAIRS = [
    ("cma-es", "pycma"),
    ("sep-cma-es", "pycma, diagonal"),
    ("sep-cma-es", "cmaes SepCMA"),
    ("snes", "evotorch SNES"),
    ("xnes", "evotorch XNES"),
    ("cr-fm-nes", "crfmnes"),
]
"""A learner, and the package's that it is to agree with."""
