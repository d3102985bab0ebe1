"""What each example would cost with a last layer that was not fitted to it, from the one that was fitted to all.

Exact for least squares (Allen 1974, doi 10.1080/00401706.1974.10489157), else by one Newton step for each example (Rad
and Maleki 2020, doi 10.1111/rssb.12374), of each output by itself.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nogd.engine.readout.solving import Problem, derivatives
from nogd.engine.surrogates import Kind

# What an example leaves of its own weight at least, as it is divided by that.
_LEAST = 1e-3


def losses_left_out(problem: Problem, outputs: Tensor) -> Tensor:
    """Losses `[P, N]` of each example; outputs: of the solutions, `[P, out, N]`.

    Without an example its output moves by its slope times its leverage, which grows by its own weight.
    """
    slope, bend = derivatives(problem.kind, outputs, problem.targets)
    leverage = torch.stack([_leverages(problem, each) for each in bend.unbind(1)], 1)
    moved = leverage * slope / (1 - leverage * bend).clamp_min(_LEAST)
    return torch.nan_to_num(problem.losses(outputs + moved), nan=torch.inf, posinf=torch.inf)


def products_left_out(kind: Kind, features: int, outputs: int, examples: int) -> float:
    """Floating-point operations of that for one solution, of products and factorisations."""
    matrices = 1 if kind == "mse" else outputs
    return matrices * (3.0 * examples * features**2 + features**3 / 3)


def _leverages(problem: Problem, bend: Tensor) -> Tensor:
    """x^T (the Hessian)^-1 x of each example's features x, `[P, N]`, where examples weigh `bend`, `[P, N]`."""
    h = problem.features
    gram = problem.regularised((h * bend[:, None]) @ h.mT)
    factor, info = torch.linalg.cholesky_ex(gram)
    found = torch.linalg.solve_triangular(factor, h.expand(len(gram), -1, -1), upper=False).square().sum(1)
    return torch.where((info == 0)[:, None], found, torch.nan)
