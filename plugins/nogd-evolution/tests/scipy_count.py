"""How many evaluations scipy's differential evolution takes, and ours from the same first members."""

from __future__ import annotations

import math

import numpy as np
import torch
from driving import begin
from scipy.optimize import differential_evolution
from torch import Generator
from valleys import Landscape

from nogd_evolution.differential_evolution import DifferentialEvolution

TARGET, MOST = 1e-4, 1_000  # generations


def first_members(D: int, population: int, seed: int) -> torch.Tensor:
    """Drawn from (-4, 4), `[population, D]`."""
    rng = Generator().manual_seed(seed)
    return torch.rand(population, D, generator=rng, dtype=torch.float64) * 8 - 4


def evaluations_of_scipy(
    landscape: Landscape, D: int, seed: int, *, population: int, factor: float, crossover: float
) -> float:
    """Evaluations of whole generations until the loss is 1e-4 or less; infinite if it never is."""
    count, reached = 0, math.inf

    def score(columns: np.ndarray) -> np.ndarray:
        nonlocal count, reached
        losses = landscape(torch.from_numpy(columns.T.copy())).numpy()
        count += len(losses)
        if losses.min() <= TARGET:
            reached = min(reached, count)
        return losses

    differential_evolution(
        score,
        [(-1e3, 1e3)] * D,  # no bounds, in effect: what is outside would be drawn anew
        strategy="rand1bin",
        init=first_members(D, population, seed).numpy(),
        mutation=factor,
        recombination=crossover,
        rng=seed,
        tol=0,
        maxiter=MOST,
        polish=False,
        updating="deferred",
        vectorized=True,
        callback=lambda intermediate_result: bool(intermediate_result.fun <= TARGET),
    )
    return reached


def evaluations_here(
    landscape: Landscape, D: int, seed: int, *, population: int, factor: float, crossover: float
) -> float:
    """The same of the learner."""
    learner = DifferentialEvolution(population=population, factor=factor, crossover=crossover, tolerance=0)
    _, state = begin(learner, landscape, *[0.0] * D, seed=seed)
    state.members = first_members(D, population, seed)
    for generation in range(MOST + 1):
        candidates = learner.ask(state)
        learner.tell(state, candidates, landscape(candidates.thetas))
        if state.best <= TARGET:
            return (generation + 1) * population
    return math.inf
