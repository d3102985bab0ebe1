"""What is likely to be a mistake in a loss of one's own, looked for once, where the data are known, and said."""

from __future__ import annotations

import functools
import math
import warnings
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from nogd.engine.cost import Products
from nogd.engine.losses import BUILT_IN, Loss
from nogd.errors import NogdWarning


def looked_at(given: object, loss: Loss, outputs: object, targets: Tensor) -> Loss:
    """The loss, with a warning where something about it is odd; without its batched form where that would be wrong, and
    known as one without a slope where it has no gradient with respect to outputs.

    given: what the user gave for it. outputs: what the network gives at the start; targets: as the loss compares them.
    """
    if BUILT_IN.get(loss.name) is loss:
        return loss
    _say_parameters(loss, loss.plain if isinstance(given, str | Loss) else given)
    if not isinstance(outputs, Tensor) or not outputs.ndim:
        return loss
    _say_pairs(loss, outputs, targets)
    if loss.differentiable and not _has_gradient(loss, outputs, targets):
        loss = replace(loss, sloped=False)
    found = None if loss.batched is None else _in_halves(loss, outputs, targets)
    if loss.batched is not None and (found is None or _differ(*found, outputs.dtype)):
        _say(
            f"loss {loss.name!r} is no mean over any number of examples, so that its batched form, which is given"
            " blocks of them, is not used."
        )
        return replace(loss, batched=None)
    return loss


def say_if_no_mean(loss: Loss, outputs: object, targets: Tensor) -> None:
    """Warn of a loss that means something else of data in batches than of all in memory.

    outputs, targets: of the first batch.
    """
    if BUILT_IN.get(loss.name) is loss or not isinstance(outputs, Tensor) or not outputs.ndim:
        return
    found = _in_halves(loss, outputs, targets)
    if found is not None and _differ(*found, outputs.dtype):
        whole, mean = found
        _say(
            f"loss {loss.name!r} is no mean over examples (of the first batch it is {whole:.6g}, the mean of its halves"
            f" {mean:.6g}), so that of data in batches it is the mean of what each gives, not what it is of all data in"
            " memory; where it is a sum, divide it by the number of examples."
        )


def _say_parameters(loss: Loss, function: Any) -> None:
    while isinstance(function, functools.partial):
        function = function.func
    owner = getattr(function, "__self__", function)
    if not isinstance(owner, nn.Module):
        return
    names = [name for name, p in owner.named_parameters() if p.requires_grad]
    if names:
        _say(
            f"loss {loss.name!r} has parameters of its own ({', '.join(names[:5])}), which are not searched but stay as"
            " they are; make them parameters of the module, or freeze them by requires_grad_(False)."
        )


def _say_pairs(loss: Loss, outputs: Tensor, targets: Tensor) -> None:
    """Warn where outputs `[N, 1]` and targets `[N]`, or the other way round, meet as `[N, N]`."""
    try:
        # Not torch.broadcast_shapes, which imports sympy: two seconds of the first fit.
        together = torch.broadcast_tensors(outputs, targets)[0].shape
    except RuntimeError:
        return
    if math.prod(together) <= max(outputs.numel(), targets.numel()):
        return
    try:
        outputs = outputs.clone()
        with torch.no_grad(), _Pairs(outputs, targets, together):
            loss(outputs, targets)
    except _EveryPair:
        cure = "targets[..., None]" if targets.ndim < outputs.ndim else "targets.squeeze(-1)"
        _say(
            f"loss {loss.name!r} compares each output with every target: outputs of shape {list(outputs.shape)} and"
            f" targets of shape {list(targets.shape)} meet as {list(together)}; give {cure} as targets, or let the loss"
            " reshape them."
        )
    except Exception:  # whatever it raises, it does so again when it is used
        return


def _has_gradient(loss: Loss, outputs: Tensor, targets: Tensor) -> bool:
    """Whether autograd finds one with respect to outputs; also True where the loss raises, as it does again in use."""
    try:
        with torch.inference_mode(False), torch.enable_grad():
            point = outputs.detach().clone().requires_grad_()
            value: Any = loss(point.clone(), targets)
            if not isinstance(value, Tensor) or not value.requires_grad:
                return False
            (gradient,) = torch.autograd.grad(value.sum(), point, allow_unused=True)
            return gradient is not None
    except Exception:  # whatever a loss may raise
        return True


class _EveryPair(Exception):
    """Each output was compared with every target."""


class _Pairs(Products):
    """Ends the first operation at which what comes of outputs alone meets what comes of targets alone as `together`,
    before it takes the memory. To compare outputs with each other, as a ranking does, is meant.
    """

    def __init__(self, outputs: Tensor, targets: Tensor, together: torch.Size) -> None:
        super().__init__()
        self._shapes, self._together = {outputs.shape, targets.shape}, together
        self._of: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        self._of[outputs], self._of[targets] = frozenset({"outputs"}), frozenset({"targets"})

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        tensors = [each for each in args if isinstance(each, Tensor)]
        origins = [self._of.get(each, frozenset()) for each in tensors]
        shapes = {each.shape for each in tensors}
        apart = {frozenset({"outputs"}), frozenset({"targets"})} <= {each - {_SPREAD} for each in origins}
        meet = torch.Tag.pointwise in func.tags and shapes >= self._shapes
        if apart and (meet or all(_SPREAD in each for each in origins)):
            raise _EveryPair
        result = super().__torch_dispatch__(func, types, args, kwargs)
        if isinstance(result, Tensor):
            of = frozenset[str]().union(*origins) - {_SPREAD}
            spread = func is torch.ops.aten.expand.default and result.shape == self._together
            self._of[result] = of | {_SPREAD} if spread and shapes <= self._shapes else of
        return result


# What torch's own losses make of both before they compare them.
_SPREAD = "spread"


@torch.no_grad()
def _in_halves(loss: Loss, outputs: Tensor, targets: Tensor) -> tuple[float, float] | None:
    """The loss, and the mean of what it is of two halves of the examples; None where it takes no fewer than all."""
    if len(outputs) == 1:
        outputs, targets = torch.cat([outputs] * 2), torch.cat([targets] * 2)
    half, count = len(outputs) // 2, len(outputs)
    try:
        whole, first, last = (
            float(loss(outputs[part].clone(), targets[part].clone()))
            for part in (slice(None), slice(half), slice(half, None))
        )
    except (
        Exception
    ):  # whatever a loss may raise that has a weight for each example, or knows how many there are
        return None
    return whole, (half * first + (count - half) * last) / count


def _differ(whole: float, mean: float, kind: torch.dtype) -> bool:
    """Whether the two are different numbers, by more than rounding."""
    tolerance = math.sqrt(torch.finfo(kind if kind.is_floating_point else torch.float32).eps)
    close = math.isclose(whole, mean, rel_tol=tolerance, abs_tol=tolerance)
    return math.isfinite(whole - mean) and not close


def _say(sentence: str) -> None:
    warnings.warn(sentence, NogdWarning, stacklevel=4)
