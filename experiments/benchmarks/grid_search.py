"""Grid search of 100 points on the original task against the study's loop, one thread: `python grid_search.py`."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable

import torch
from common import REPETITIONS, row, write
from sklearn.datasets import load_diabetes
from torch import Tensor, nn

import nogd

POINTS, SWEEPS = 100, 1


def main() -> None:
    """Run both in turns, in both precisions, and check that they end at the same place."""
    torch.set_num_threads(1)
    rows = []
    for dtype in (torch.float32, torch.float64):
        name = str(dtype).removeprefix("torch.")
        plain, fast = zip(*(_both(dtype, seed) for seed in range(REPETITIONS)), strict=True)
        ratio = [p / f for p, f in zip(plain, fast, strict=True)]
        rows.append(row(f"plain loop, {name}", plain, "s a sweep"))
        rows.append(row(f"nogd.fit, {name}", fast, "s a sweep"))
        rows.append(
            row(f"times faster, {name}", ratio, "x", ">= 20", "the study's loop over the user's module")
        )
    write("grid_search", rows)


def _both(dtype: torch.dtype, seed: int) -> tuple[float, float]:
    """Seconds of a sweep of the plain loop and of nogd from one start, the least of 3 and of 9 in turns."""
    inputs, targets = (torch.as_tensor(array).to(dtype) for array in load_diabetes(return_X_y=True))
    targets = targets[:, None]
    module = _network(seed).to(dtype)
    plain, fast = [], []
    for _ in range(3):
        by_loop = copy.deepcopy(module)
        plain.append(_timed(_plain_sweeps, by_loop, inputs, targets))
        for _ in range(3):
            by_nogd = copy.deepcopy(module)
            fast.append(_timed(_fit, by_nogd, inputs, targets))
    _check(by_loop, by_nogd, inputs, targets)
    return min(plain), min(fast)


def _network(seed: int) -> nn.Module:
    """The study's network; everything uniform in [-5, 5]."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(10, 5), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1))
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -5, 5)
    return network


def _plain_sweeps(module: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    """The study's search, as it was: one forward pass for every value of every parameter."""
    loss_of = nn.MSELoss()
    with torch.no_grad():
        for _ in range(SWEEPS):
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


def _fit(module: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    budget = nogd.Budget(iterations=SWEEPS)
    nogd.fit(module, inputs, targets, learner="grid-search", points=POINTS, budget=budget)


def _check(by_loop: nn.Module, by_nogd: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    """Same solution: to rounding in float64; in float32 near-ties may fall out differently, the losses agree."""
    with torch.no_grad():
        losses = [float(nn.functional.mse_loss(module(inputs), targets)) for module in (by_loop, by_nogd)]
        thetas = [nn.utils.parameters_to_vector(module.parameters()) for module in (by_loop, by_nogd)]
    tolerance = 1e-9 if inputs.dtype == torch.float64 else 1e-3
    if not math.isclose(*losses, rel_tol=tolerance):
        raise AssertionError(f"the plain loop ends at a loss of {losses[0]}, nogd at {losses[1]}")
    if inputs.dtype == torch.float64 and not torch.allclose(*thetas, rtol=1e-9):
        raise AssertionError("the plain loop and nogd end at different parameters")


def _timed(job: Callable[[nn.Module, Tensor, Tensor], None], module: nn.Module, *data: Tensor) -> float:
    started = time.perf_counter()
    job(module, *data)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
