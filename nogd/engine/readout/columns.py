"""Solve the last layer again where a few of its features change: one factorisation serves all candidates.

With the features that stay, and their weights at the present solution, a Newton step for all weights follows from a
Schur complement of the size of what changed: O(N H) for a candidate in place of O(N H^2).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nogd.engine.readout.solving import LENGTHS, Problem, derivatives, slope_of, solved
from nogd.engine.surrogates import Kind


@dataclass(frozen=True)
class Solved:
    """Weights `[M, out, H]`, outputs `[M, out, N]` and values `[M]` of M candidates."""

    weights: Tensor
    outputs: Tensor
    values: Tensor


def solve_columns(problem: Problem, weights: Tensor, places: Tensor, columns: Tensor) -> Solved:
    """One Newton step for each of M sets of features, exact for "mse", else of the best of a few lengths.

    A step begins at the present weights, with those of what changes as they are or at zero, whichever is better; never
    does it end at a higher value than it begins.

    :param problem: with the present features, `[1, H, N]`.
    :param weights: the present ones, `[out, H]`.
    :param places: which features change, `[s]`.
    :param columns: what they become, `[M, s, N]`.
    """
    h, y = problem.features[0], problem.targets
    staying = torch.ones(len(h), dtype=torch.bool, device=h.device).index_fill(0, places, False)
    # At the present weights, so that one factorisation is for all: `[out, N]`, or `[1, N]` where outputs share it.
    bend = derivatives(problem.kind, problem.outputs(weights[None]), y)[1][0]
    start = _start(problem, weights, places, columns)
    slope = slope_of(problem.kind, start.outputs, y)
    move = torch.zeros_like(start.weights)
    move[:, :, staying], move[:, :, places] = _step(problem, start, bend, slope, places, staying, columns)
    moved = move[:, :, staying] @ h[staying] + move[:, :, places] @ columns
    lengths = (1.0,) if problem.kind == "mse" else LENGTHS
    tried = torch.stack(
        [problem.value_of_move(start.outputs, moved, start.weights, move, t) for t in lengths]
    )
    values, at = tried.min(0)
    better = (values < start.values)[:, None, None]
    length = h.new_tensor(lengths)[at][:, None, None]
    outputs = torch.where(better, torch.addcmul(start.outputs, length, moved), start.outputs)
    known = columns.isfinite().all(2).all(1)
    outputs[~known] = torch.nan  # even with a weight of 0 the network itself would not give a number
    return Solved(
        torch.where(better, start.weights + length * move, start.weights),
        outputs,
        torch.minimum(values, start.values).where(known, torch.inf),
    )


def _start(problem: Problem, weights: Tensor, places: Tensor, columns: Tensor) -> Solved:
    """Where the steps begin."""
    without = weights.index_fill(1, places, 0.0)[None]
    without_outputs = problem.outputs(without)
    within = weights.expand(len(columns), -1, -1)
    within_outputs = without_outputs + weights[:, places] @ columns
    values = problem.value(without_outputs, without), problem.value(within_outputs, within)
    kept = (values[1] < values[0])[:, None, None]
    return Solved(
        torch.where(kept, within, without),
        torch.where(kept, within_outputs, without_outputs),
        torch.minimum(*values),
    )


def _step(
    problem: Problem,
    start: Solved,
    bend: Tensor,
    slope: Tensor,
    places: Tensor,
    staying: Tensor,
    columns: Tensor,
) -> tuple[Tensor, Tensor]:
    """Moves of the weights that stay, `[M, out, k]`, and of those of the changed features, `[M, out, s]`."""
    kept, ridge = problem.features[0, staying], 2 * problem.ridge
    right = slope @ kept.T + ridge * problem.penalised[staying] * start.weights[:, :, staying]  # [M, out, k]
    force = slope @ columns.mT + ridge * start.weights[:, :, places]  # [M, out, s]
    gram = problem.ridged(
        (kept * bend[:, None]) @ kept.T, problem.penalised[staying]
    )  # [o, k, k], o: out or 1
    weighted = columns[:, None] * bend[:, None]  # [M, o, s, N]
    cross = weighted @ kept.T  # [M, o, s, k]
    factor, info = torch.linalg.cholesky_ex(gram)
    alone = _for_all(factor, right[..., None])[..., 0]  # [M, out, k]: the step without any of the changed
    coupled = _for_all(factor, cross.mT)  # [M, o, k, s]
    own = problem.ridged(weighted @ columns[:, None].mT, columns.new_ones(columns.shape[1]))
    schur = own - cross @ coupled  # [M, o, s, s]
    force = force - (cross @ alone[..., None])[..., 0]
    changed = -solved(schur.expand(-1, slope.shape[1], -1, -1), force[..., None])[..., 0]
    moves = -alone - (coupled @ changed[..., None])[..., 0]
    return torch.where((info == 0).all(), moves, torch.nan), changed


def _for_all(factor: Tensor, right: Tensor) -> Tensor:
    """Solutions `[M, out, k, s]` of right `[M, out, k, s]` by factors `[out or 1, k, k]`, which are not copied."""
    rows = right.permute(1, 2, 0, 3) if len(factor) > 1 else right.permute(2, 0, 1, 3)[None]
    found = torch.cholesky_solve(rows.flatten(2), factor).view(rows.shape)
    return found.permute(2, 0, 1, 3) if len(factor) > 1 else found[0].permute(1, 2, 0, 3)


def column_products(
    kind: Kind, features: int, outputs: int, examples: int, changed: int, count: int
) -> float:
    """Floating-point operations of `solve_columns` for M = count candidates, of products and factorisations."""
    grams = 1 if kind == "mse" else outputs
    shared = grams * (2.0 * examples * features**2 + features**3 / 3) + 4.0 * examples * features * outputs
    each = grams * changed * (2.0 * examples * (features + changed) + 2.0 * features * (features + changed))
    each += outputs * (4.0 * examples * (features + 2 * changed) + 2.0 * features**2)
    return shared + count * each
