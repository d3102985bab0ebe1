"""A loss as a formula of outputs: its gradient and its Gauss-Newton product with respect to outputs, no network in it.

Exact for the built-in losses; by autograd of the loss alone for one's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nogd.engine.losses import BUILT_IN, Loss, signs
from nogd.errors import InvalidSetting, NotDifferentiable, in_one_line

Product = Callable[[Tensor], Tensor]
Formula = Callable[[Tensor, Tensor, int], tuple[Tensor, Product]]


@dataclass(frozen=True, eq=False)
class Curvature:
    """The loss near given outputs `[..., N, out]`, each leading index a network of its own.

    :param loss: the losses, `[...]`.
    :param gradient: their gradients with respect to the outputs, in the outputs' shape; for one network it is the error
        at the outputs.
    """

    loss: Tensor
    gradient: Tensor
    _product: Product

    def product(self, tangents: Tensor) -> Tensor:
        """The product of H, the Hessian of the loss with respect to outputs, with tangents; Gauss-Newton is J^T H J.

        Zeros for a loss that is piecewise linear.

        :param tangents: `[..., N, out]`, like the outputs, or with further leading axes, such as K directions of one
            network.
        :raises InvalidSetting: for another shape.
        :raises NotDifferentiable: if your own loss has no second derivative.
        """
        shape = self.gradient.shape
        if tangents.ndim < len(shape) or tangents.shape[tangents.ndim - len(shape) :] != shape:
            raise InvalidSetting(
                f"tangents must be like the outputs, {list(shape)}, behind any further axes, not"
                f" {list(tangents.shape)}."
            )
        with torch.no_grad():
            return self._product(tangents)


def curvature_at(loss: Loss, outputs: Tensor, targets: Tensor, axes: int) -> Curvature:
    """The curvature of a loss at outputs `[..., N, ...]`, of which the last `axes` axes are one network's.

    Raises NotDifferentiable for a loss that has no gradient.
    """
    check_differentiable(loss)
    outputs = outputs.detach()
    formula = _FORMULAS.get(loss.name) if BUILT_IN.get(loss.name) is loss else None
    if formula is None:
        return _by_autograd(loss, outputs, targets, axes)
    with torch.no_grad():
        each = outputs.shape[outputs.ndim - axes :]
        values = [loss(one, targets) for one in outputs.reshape(-1, *each)]
        gradient, product = formula(outputs, targets, each.numel())
        return Curvature(_like(values, outputs, axes), gradient, product)


def check_differentiable(loss: Loss) -> None:
    """Raises NotDifferentiable for a loss that has no gradient."""
    if not loss.differentiable:
        raise NotDifferentiable(
            f"loss {loss.name!r} has no gradient with respect to outputs; take a loss that has one, such as"
            " binary-cross-entropy or hinge in place of zero-one, or a learner that looks at outputs or losses alone."
        )


def _like(values: list[Tensor], outputs: Tensor, axes: int) -> Tensor:
    """One value for each network, in the outputs' leading axes."""
    lead = outputs.shape[: outputs.ndim - axes]
    return torch.stack(values).reshape(lead) if values else outputs.new_empty(lead)


def _by_autograd(loss: Loss, outputs: Tensor, targets: Tensor, axes: int) -> Curvature:
    with torch.inference_mode(False), torch.enable_grad():
        point = outputs.clone().requires_grad_()
        # Clones, as a loss of one's own may write into what it is given.
        ones = [one.clone() for one in point.reshape(-1, *point.shape[point.ndim - axes :])]
        losses = _like([loss(one, targets) for one in ones], point, axes)
        if not losses.requires_grad:
            raise NotDifferentiable(
                f"loss {loss.name!r} gives a number that autograd cannot follow, so that it has no gradient with"
                " respect to outputs; let it give a tensor that is computed from them."
            )
        (gradient,) = torch.autograd.grad(losses.sum(), point, create_graph=True)

    def product(tangents: Tensor) -> Tensor:
        if not gradient.requires_grad:
            return torch.zeros_like(tangents)
        shape = gradient.shape
        found = [_second(loss, gradient, point, one) for one in tangents.reshape(-1, *shape)]
        return torch.stack(found).reshape(tangents.shape) if found else torch.zeros_like(tangents)

    return Curvature(losses.detach(), gradient.detach(), product)


def _second(loss: Loss, gradient: Tensor, point: Tensor, tangent: Tensor) -> Tensor:
    try:
        with torch.enable_grad():
            (found,) = torch.autograd.grad(
                gradient, point, tangent.to(gradient.dtype), retain_graph=True, materialize_grads=True
            )
    except RuntimeError as error:  # torch has no formula for some second derivatives
        raise NotDifferentiable(
            f"loss {loss.name!r} has no second derivative with respect to outputs ({in_one_line(error)}); use its"
            " gradient alone."
        ) from error
    return found


def _flat(tangents: Tensor) -> Tensor:
    return torch.zeros_like(tangents)


def _mse(z: Tensor, y: Tensor, count: int) -> tuple[Tensor, Product]:
    return (z - y) * (2 / count), lambda v: v * (2 / count)


def _mae(z: Tensor, y: Tensor, count: int) -> tuple[Tensor, Product]:
    return (z - y).sign() / count, _flat


def _huber(z: Tensor, y: Tensor, count: int) -> tuple[Tensor, Product]:
    error = z - y
    bent = (error.abs() < 1).to(z.dtype) / count
    return error.clamp(-1, 1) / count, lambda v: v * bent


def _cross_entropy(z: Tensor, y: Tensor, count: int) -> tuple[Tensor, Product]:
    examples = count / z.shape[-1]
    p = torch.empty_like(z).copy_(z.softmax(-1))  # in z's layout, which softmax gives up

    def product(v: Tensor) -> Tensor:
        along = p * v
        return along.addcmul_(p, along.sum(-1, keepdim=True), value=-1).div_(examples)

    return (p - F.one_hot(y, z.shape[-1]).to(z.dtype)) / examples, product


def _binary_cross_entropy(z: Tensor, y: Tensor, count: int) -> tuple[Tensor, Product]:
    p = z.sigmoid()
    bend = p * (1 - p) / count
    return (p - y) / count, lambda v: v * bend


def _hinge(z: Tensor, y: Tensor, count: int) -> tuple[Tensor, Product]:
    if y.is_floating_point():
        side = signs(y)
        return -side * (side * z < 1).to(z.dtype) / count, _flat
    own = F.one_hot(y, z.shape[-1]).to(z.dtype)
    margins = 1 - (z * own).sum(-1, keepdim=True) + z
    over = (margins > 0).to(z.dtype) * (1 - own)
    return (over - own * over.sum(-1, keepdim=True)) / count, _flat


_FORMULAS: dict[str, Formula] = {
    "mse": _mse,
    "mae": _mae,
    "huber": _huber,
    "cross-entropy": _cross_entropy,
    "binary-cross-entropy": _binary_cross_entropy,
    "hinge": _hinge,
}
