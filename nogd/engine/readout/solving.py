"""Solve linear models of given features, many at once: ridge regression, and logistic regression by Newton steps.

One number or bit is as costly as its Gram matrix. Classes share one, as the exact Hessian of all of them would take
out^2 of these: it preconditions the conjugate gradients that solve for the step, as in a truncated Newton method
(Dembo and Steihaug 1983, doi 10.1007/BF02592055).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nogd.engine.surrogates import Kind

Product = Callable[[Tensor], Tensor]
Direction = Callable[[Tensor, Tensor], Tensor]
"""From weights `[P, out, H]` and their outputs `[P, out, N]` to a move of the weights."""

# Lengths of a Newton step that are tried.
LENGTHS = (2.0, 1.0, 0.5, 0.25, 0.0625)
# Conjugate gradients for a step of classes: three leave much of it undone, eight cost twice as much for little more.
_INNER = 5
# What a share of the largest weight an example has at least, so that one that is fitted well still counts.
_LEAST = 1e-4
_JITTER = 1e-12
_SOLVED = 1e-20


@dataclass(frozen=True)
class Problem:
    """What P linear models are fitted to.

    :param kind: the loss that is minimised, a mean as the loss of that name is, plus ridge times the sum of squares of
        the weights; biases are not penalised.
    :param features: `[P, H, N]`, float64; the last row ones where there is a bias.
    :param targets: `[out, N]`, or class numbers `[N]`.
    :param offset: what is added to the outputs, `[out, 1]`.
    """

    kind: Kind
    features: Tensor
    targets: Tensor
    offset: Tensor
    ridge: float
    bias: bool

    def outputs(self, weights: Tensor) -> Tensor:
        """Outputs `[P, out, N]` of weights `[P, out, H]`."""
        return weights @ self.features + self.offset

    def penalty(self, weights: Tensor) -> Tensor:
        """Ridge times the sum of squares of weights `[P, out, H]`, as `[P]`."""
        return self.ridge * (weights * weights * self.penalised).sum((1, 2))

    def losses(self, outputs: Tensor) -> Tensor:
        """The loss of each example, `[P, N]`."""
        return _LOSSES[self.kind](outputs, self.targets)

    def value(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """What is minimised, `[P]`; infinity where it is not finite."""
        found = self.losses(outputs).mean(1) + self.penalty(weights)
        return torch.nan_to_num(found, nan=torch.inf, posinf=torch.inf)

    def value_of_move(
        self, outputs: Tensor, moved: Tensor, weights: Tensor, move: Tensor, length: float
    ) -> Tensor:
        """The value after so much of a move of the weights, which moves the outputs by `moved`."""
        return self.value(torch.add(outputs, moved, alpha=length), torch.add(weights, move, alpha=length))

    @property
    def penalised(self) -> Tensor:
        """1 for each feature whose weight is penalised, `[H]`."""
        mask = self.features.new_ones(self.features.shape[1])
        if self.bias:
            mask[-1] = 0.0
        return mask

    def gradient(self, slope: Tensor, weights: Tensor) -> Tensor:
        """That of the value with respect to the weights; slope: of the loss with respect to outputs, `[P, out, N]`."""
        return slope @ self.features.mT + 2 * self.ridge * self.penalised * weights

    def regularised(self, gram: Tensor) -> Tensor:
        """A Gram matrix `[..., H, H]` of all features with the ridge, changed in place."""
        return self.ridged(gram, self.penalised)

    def ridged(self, gram: Tensor, penalised: Tensor) -> Tensor:
        """A Gram matrix with the ridge, and so much more on the diagonal that it has an inverse; changed in place."""
        least = gram.diagonal(dim1=-2, dim2=-1).mean(-1, keepdim=True).clamp_min(1e-30) * _JITTER
        gram.diagonal(dim1=-2, dim2=-1).add_(2 * self.ridge * penalised + least)
        return gram


def solve(problem: Problem, weights: Tensor, steps: int) -> Tensor:
    """The weights `[P, out, H]` that minimise it, or those after so many Newton steps.

    The steps begin at the given weights or at zeros, whichever are better, and never lead to worse ones.
    """
    if problem.kind == "mse":
        return _least_squares(problem)
    direction = _of_classes(problem) if problem.kind == "cross-entropy" else _of_bits(problem)
    outputs = problem.outputs(weights)
    value = problem.value(outputs, weights)
    empty = problem.offset.expand_as(outputs)
    worse = (problem.value(empty, torch.zeros_like(weights)) < value)[:, None, None] & (steps > 0)
    weights, outputs = torch.where(worse, 0.0, weights), torch.where(worse, empty, outputs)
    value = problem.value(outputs, weights)
    for _ in range(steps):
        move = direction(weights, outputs)
        weights, outputs, value = _moved(problem, weights, outputs, value, move)
    return weights


def products(kind: Kind, features: int, outputs: int, examples: int, steps: int) -> float:
    """Floating-point operations that `solve` takes for one model, those of matrix products and factorisations."""
    gram, factor, back = 2.0 * examples * features**2, features**3 / 3, 2.0 * features**2
    two_passes = 4.0 * examples * features * outputs
    if kind == "mse":
        return gram + factor + back * outputs + two_passes
    if kind == "binary-cross-entropy":
        return steps * (outputs * (gram + factor + back) + two_passes) + two_passes
    return gram + steps * (factor + _INNER * (two_passes + back * outputs) + two_passes) + two_passes


def _least_squares(problem: Problem) -> Tensor:
    h, count = problem.features, problem.targets.numel()
    gram = problem.regularised(h @ h.mT * (2 / count))
    right = h @ (problem.targets - problem.offset).T * (2 / count)
    return solved(gram, right).mT


def _moved(
    problem: Problem, weights: Tensor, outputs: Tensor, value: Tensor, move: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, outputs and value after a move as long as is best of a few lengths; none where all are worse."""
    moved = move @ problem.features
    tried = torch.stack([problem.value_of_move(outputs, moved, weights, move, t) for t in LENGTHS])
    best, at = tried.min(0)
    better = (best < value)[:, None, None]
    length = outputs.new_tensor(LENGTHS)[at][:, None, None]
    # Not by a length of 0: a move may not be finite.
    weights = torch.where(better, weights + length * move, weights)
    return weights, torch.where(better, outputs + length * moved, outputs), torch.minimum(best, value)


def _of_bits(problem: Problem) -> Direction:
    """Newton's direction, exact, as no output has to do with another."""
    h, y = problem.features, problem.targets

    def direction(weights: Tensor, outputs: Tensor) -> Tensor:
        slope, bend = derivatives("binary-cross-entropy", outputs, y)
        gradient = problem.gradient(slope, weights)
        move = torch.empty_like(weights)
        for unit in range(weights.shape[1]):  # together they would hold all their Gram matrices
            gram = problem.regularised((h * bend[:, unit, None]) @ h.mT)
            move[:, unit] = solved(gram, -gradient[:, unit, :, None]).squeeze(-1)
        return move

    return direction


def _of_classes(problem: Problem) -> Direction:
    """Newton's direction, by conjugate gradients that are preconditioned by the features' Gram matrix.

    In float32, at twice the speed: a direction need not be exact, the value that it is judged by is.
    """
    y = problem.targets
    rough = dataclasses.replace(problem, features=problem.features.float())
    h = rough.features
    gram = h @ h.mT / len(y)

    def direction(weights: Tensor, outputs: Tensor) -> Tensor:
        exact = outputs.softmax(1)
        p = exact.float()
        bend = (p * (1 - p)).mean((1, 2)).clamp_min(_LEAST)
        factor, _ = torch.linalg.cholesky_ex(rough.regularised(gram * bend[:, None, None]))

        def product(v: Tensor) -> Tensor:
            pv = p * (v @ h)
            return rough.gradient(pv.addcmul_(p, pv.sum(1, keepdim=True), value=-1).div_(len(y)), v)

        gradient = problem.gradient(_slope_of_classes(exact, y), weights).float()
        return _conjugate_gradients(
            product, lambda r: torch.cholesky_solve(r.mT, factor).mT, -gradient
        ).double()

    return direction


def _conjugate_gradients(product: Product, precondition: Product, right: Tensor) -> Tensor:
    """A few steps towards the x `[P, ...]` with product(x) = right, for each of P systems by itself."""
    x, residual = torch.zeros_like(right), right
    toward = preconditioned = precondition(residual)
    size = first = (residual * preconditioned).sum((1, 2), keepdim=True)
    for _ in range(_INNER):
        image = product(toward)
        length = size / (toward * image).sum((1, 2), keepdim=True)
        length = torch.where(size > first * _SOLVED, length, 0.0)  # where all is done
        x, residual = x + length * toward, residual - length * image
        preconditioned, before = precondition(residual), size
        size = (residual * preconditioned).sum((1, 2), keepdim=True)
        toward = preconditioned + torch.where(before > 0, size / before, 0.0) * toward
    return x


def solved(gram: Tensor, right: Tensor) -> Tensor:
    """The solution of gram @ x = right; NaN where features are not finite."""
    factor, info = torch.linalg.cholesky_ex(gram)
    found = torch.cholesky_solve(right, factor)
    return torch.where((info == 0)[..., None, None], found, torch.nan)


def slope_of(kind: Kind, outputs: Tensor, targets: Tensor) -> Tensor:
    """Gradient of the loss with respect to outputs `[P, out, N]`."""
    if kind == "mse":
        return (outputs - targets) * (2 / targets.numel())
    if kind == "binary-cross-entropy":
        return (outputs.sigmoid() - targets) / targets.numel()
    return _slope_of_classes(outputs.softmax(1), targets)


def _slope_of_classes(p: Tensor, targets: Tensor) -> Tensor:
    """Of the cross-entropy with respect to outputs whose probabilities are p `[P, out, N]`, which is written into."""
    p[:, targets, torch.arange(len(targets), device=targets.device)] -= 1
    return p.div_(len(targets))


def derivatives(kind: Kind, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient of the loss with respect to outputs `[P, out, N]`, and the diagonal of its Hessian, `[P, out, N]`.

    An example that is fitted well still counts a little; for "mse" the diagonal is one for all outputs, `[P, 1, N]`.
    """
    slope = slope_of(kind, outputs, targets)
    if kind == "mse":
        return slope, torch.full_like(outputs[:, :1], 2 / targets.numel())
    p, count = (
        (outputs.softmax(1), len(targets))
        if kind == "cross-entropy"
        else (outputs.sigmoid(), targets.numel())
    )
    bend = p * (1 - p) / count
    return slope, torch.maximum(bend, bend.amax((1, 2), keepdim=True) * _LEAST)


def _mse(z: Tensor, y: Tensor) -> Tensor:
    return (z - y).square().mean(1)


def _bits(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(z, y.expand_as(z), reduction="none").mean(1)


def _classes(z: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(z, y.expand(len(z), -1), reduction="none")


_LOSSES: dict[Kind, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": _mse,
    "binary-cross-entropy": _bits,
    "cross-entropy": _classes,
}
