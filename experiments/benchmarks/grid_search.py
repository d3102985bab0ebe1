"""Grid search of 100 points on the original task against the study's loop, one thread: `python grid_search.py`."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from unittest import mock

import torch
from common import REPETITIONS, row, write
from sklearn.datasets import load_diabetes
from torch import Tensor, nn

import nogd
from nogd.engine.compiled import scorer as compiled
from nogd.engine.layers.parts import NotUnderstood

Job = Callable[[nn.Module, Tensor, Tensor, int], None]
POINTS = 100
SWEEPS = 30  # of nogd, as in the study; the loop's sweeps all cost the same, so that one of them will do
TORCH_SWEEPS = 3
AGAINST = "the study's loop over the user's module"


def main() -> None:
    """Run all in turns, in both precisions, and check that they end at the same place."""
    torch.set_num_threads(1)
    rows = []
    for dtype in (torch.float32, torch.float64):
        name = str(dtype).removeprefix("torch.")
        figures = zip(*(_seconds(dtype, seed) for seed in range(REPETITIONS)), strict=True)
        plain, fast, alone, first = (list(each) for each in figures)
        rows += [
            row(f"plain loop, {name}", plain, "s a sweep"),
            row(f"nogd.fit, {name}", fast, "s a sweep"),
            row(f"times faster, {name}", _ratios(plain, fast), "x", ">= 100", AGAINST),
            row(f"times faster with all that fit does before, one sweep, {name}", _ratios(plain, first), "x"),
            row(f"times faster by torch alone, {name}", _ratios(plain, alone), "x", "", AGAINST),
        ]
    write("grid_search", rows)


def _ratios(these: Sequence[float], those: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(these, those, strict=True)]


def _seconds(dtype: torch.dtype, seed: int) -> tuple[float, float, float, float]:
    """Seconds of a sweep, the least of 3 in turns: the plain loop, nogd, nogd without numba, and nogd's first."""
    inputs, targets = (torch.as_tensor(array).to(dtype) for array in load_diabetes(return_X_y=True))
    module, data = _network(seed).to(dtype), (inputs, targets[:, None])
    jobs = [(_plain_sweeps, 1), (_fit, SWEEPS), (_fit_by_torch, TORCH_SWEEPS), (_fit, 1)]
    _fit(copy.deepcopy(module), *data, 1)  # the first use of a machine compiles
    best = [math.inf] * len(jobs)
    for _ in range(3):
        for k, (job, sweeps) in enumerate(jobs):
            best[k] = min(best[k], _timed(job, copy.deepcopy(module), data, sweeps) / sweeps)
    for job in (_fit, _fit_by_torch):
        _check(module, data, job)
    return best[0], best[1], best[2], best[3]


def _network(seed: int) -> nn.Module:
    """The study's network; everything uniform in [-5, 5]."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(10, 5), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1))
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -5, 5)
    return network


def _plain_sweeps(module: nn.Module, inputs: Tensor, targets: Tensor, sweeps: int) -> None:
    """The study's search, as it was: one forward pass for every value of every parameter."""
    loss_of = nn.MSELoss()
    with torch.no_grad():
        for _ in range(sweeps):
            for parameter in module.parameters():
                flat = parameter.view(-1)
                for index in range(len(flat)):
                    best, best_loss = flat[index].item(), math.inf
                    for value in torch.linspace(-5, 5, POINTS, dtype=flat.dtype):
                        flat[index] = value
                        loss = loss_of(module(inputs), targets).item()
                        if loss < best_loss:
                            best, best_loss = value, loss
                    flat[index] = best


def _fit(module: nn.Module, inputs: Tensor, targets: Tensor, sweeps: int) -> None:
    budget = nogd.Budget(iterations=sweeps)
    nogd.fit(
        module, inputs, targets, learner="grid-search", points=POINTS, early_stopping=False, budget=budget
    )


def _fit_by_torch(module: nn.Module, inputs: Tensor, targets: Tensor, sweeps: int) -> None:
    with mock.patch.object(compiled, "kernels", side_effect=NotUnderstood("it is left out here")):
        _fit(module, inputs, targets, sweeps)


def _check(module: nn.Module, data: tuple[Tensor, Tensor], job: Job) -> None:
    """In float64 a sweep ends where the plain loop's does. In float32 near-ties may fall out differently, so there the
    losses along all coordinates are compared.
    """
    inputs, targets = data
    if inputs.dtype == torch.float32:
        _check_lines(module, inputs, targets)
        return
    by_loop, by_nogd = copy.deepcopy(module), copy.deepcopy(module)
    _plain_sweeps(by_loop, *data, 1)
    job(by_nogd, *data, 1)
    thetas = [nn.utils.parameters_to_vector(module.parameters()) for module in (by_loop, by_nogd)]
    if not torch.allclose(*thetas, rtol=1e-9):
        raise AssertionError("the plain loop and nogd end at different parameters")


def _check_lines(module: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    objective = nogd.objective(module, inputs, targets, loss="mse")
    walk, values = objective.walk(objective.space.read(module)), torch.linspace(-5, 5, POINTS)
    working = copy.deepcopy(module)
    for index in range(objective.D):
        found = walk.losses(index, values)
        for theta, loss in zip(nogd.Line(walk.theta, index, values).dense(), found, strict=True):
            nn.utils.vector_to_parameters(theta, working.parameters())
            with torch.no_grad():
                plain = nn.functional.mse_loss(working(inputs), targets)
            if not torch.isclose(plain, loss, rtol=1e-6):
                raise AssertionError(
                    f"coordinate {index}: the plain loop has a loss of {plain}, nogd of {loss}"
                )


def _timed(job: Job, module: nn.Module, data: tuple[Tensor, Tensor], sweeps: int) -> float:
    started = time.perf_counter()
    job(module, *data, sweeps)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
