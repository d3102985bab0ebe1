"""Losses by name: each with its plain definition, and with the form in which a whole population is reduced at once.

What `nogd.engine` registers is built in. `curvature` has each one's derivatives, `compiled.layout` numbers those that
`compiled.loops.losses` knows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from nogd.engine import nogd_losses
from nogd.errors import DataError, InvalidSetting, UnknownName
from nogd.plugins.registry import offered

LossFunction = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Loss:
    """A mean loss over examples.

    :param name: what users write.
    :param plain: from outputs `[N, ...]` and targets to a scalar; the definition.
    :param batched: from outputs of P networks, features first, `[P, outputs, N]` (may be overwritten), and targets
        `[outputs, N]` or class numbers `[N]`, to losses `[P]`; equal to `plain` for each network. None: there is no
        such form.
    :param differentiable: whether it has a gradient.
    :param sloped: whether autograd finds a gradient with respect to outputs; nogd finds it out for a loss of your own.
    :param targets: the kind of targets that it takes.
    :param summary: one line for lists.
    """

    name: str
    plain: LossFunction
    batched: LossFunction | None = None
    differentiable: bool = True
    sloped: bool = True
    targets: Literal["numbers", "shares", "classes", "either", "as given"] = "numbers"
    summary: str = ""

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of one network: a scalar."""
        return self.plain(outputs, targets)

    def fit_targets(self, targets: Tensor, outputs: Tensor) -> Tensor:
        """Targets in the shape and type that this loss compares with such outputs; a DataError if none fits."""
        if self.targets == "as given":
            return targets
        if self.targets == "classes" or (self.targets == "either" and _are_classes(targets, outputs)):
            return _class_numbers(targets, outputs, self.name)
        if targets.ndim == outputs.ndim - 1 and outputs.shape[-1] == 1:
            targets = targets.unsqueeze(-1)
        if targets.shape != outputs.shape:
            raise DataError(
                f"the network gives outputs of shape {list(outputs.shape)}, but the targets have shape"
                f" {list(targets.shape)}; loss {self.name!r} compares them one to one, so make the shapes equal."
            )
        if self.targets == "shares" and not ((targets >= 0) & (targets <= 1)).all():
            raise DataError(
                f"loss {self.name!r} needs targets from 0 to 1, but they reach from {float(targets.min()):g}"
                f" to {float(targets.max()):g}."
            )
        return targets.to(outputs.dtype)


def _are_classes(targets: Tensor, outputs: Tensor) -> bool:
    return not targets.is_floating_point() and outputs.ndim >= 2 and outputs.shape[-1] > 1


def _class_numbers(targets: Tensor, outputs: Tensor, name: str) -> Tensor:
    if targets.ndim == outputs.ndim and targets.shape[-1] == 1:
        targets = targets.squeeze(-1)
    if targets.is_floating_point() or targets.ndim != 1 or outputs.ndim != 2:
        raise DataError(
            f"loss {name!r} needs outputs [N, classes] and integer class numbers [N] as targets;"
            f" outputs have shape {list(outputs.shape)}, targets {list(targets.shape)} of {targets.dtype}."
        )
    targets = targets.long()
    if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < outputs.shape[1]:
        raise DataError(
            f"the targets are class numbers from {int(targets.min())} to {int(targets.max())}, but the network"
            f" has {outputs.shape[1]} outputs; classes count from 0 to {outputs.shape[1] - 1}."
        )
    return targets


def signs(targets: Tensor) -> Tensor:
    """1 where a target is above 0, else -1."""
    return torch.where(targets > 0, 1.0, -1.0).to(targets.dtype)


def _mse_batched(z: Tensor, y: Tensor) -> Tensor:
    return z.sub_(y).square_().mean((1, 2))


def _mae_batched(z: Tensor, y: Tensor) -> Tensor:
    return z.sub_(y).abs_().mean((1, 2))


def _huber_batched(z: Tensor, y: Tensor) -> Tensor:
    return F.huber_loss(z, y.expand_as(z), reduction="none").mean((1, 2))


def _cross_entropy_batched(z: Tensor, y: Tensor) -> Tensor:
    # Not by logsumexp: torch 2.13 takes over twice as long for it, as its exp is the slower of two.
    return F.log_softmax(z, 1).gather(1, y.expand(len(z), 1, -1)).mean((1, 2)).neg_()


def _binary_cross_entropy_batched(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(z, y.expand_as(z), reduction="none").mean((1, 2))


def _hinge(outputs: Tensor, targets: Tensor) -> Tensor:
    if targets.is_floating_point():
        return F.relu(1 - signs(targets) * outputs).mean()
    return F.multi_margin_loss(outputs, targets)


def _hinge_batched(z: Tensor, y: Tensor) -> Tensor:
    if y.is_floating_point():
        return z.mul_(signs(y)).neg_().add_(1).relu_().mean((1, 2))
    index = y.expand(len(z), 1, -1)
    margins = (1 - z.gather(1, index) + z).relu_()
    return margins.scatter_(1, index, 0.0).sum(1).div_(z.shape[1]).mean(1)


# A NaN output is a mistake, never a lucky guess: comparisons with NaN are false, so ask for what is right.
def _zero_one(outputs: Tensor, targets: Tensor) -> Tensor:
    if targets.is_floating_point():
        right = torch.where(targets > 0, outputs > 0, outputs <= 0)
    else:
        right = (outputs.argmax(-1) == targets) & ~outputs.isnan().any(-1)
    return 1 - right.to(outputs.dtype).mean()


def _zero_one_batched(z: Tensor, y: Tensor) -> Tensor:
    if y.is_floating_point():
        return 1 - torch.where(y > 0, z > 0, z <= 0).to(z.dtype).mean((1, 2))
    right = (z.argmax(1) == y) & ~z.isnan().any(1)
    return 1 - right.to(z.dtype).mean(1)


def lowest_of(losses: Tensor, rows: Tensor | None) -> float:
    """The lowest loss, infinity on some of the rows only; a GPU is waited for here, within the time of scoring."""
    return float(losses.min()) if rows is None else math.inf


def ranked(losses: Tensor) -> Tensor:
    """Whatever is not finite becomes plus infinity, so that it ranks last."""
    return torch.nan_to_num(losses, nan=math.inf, posinf=math.inf, neginf=math.inf)


mse = Loss("mse", F.mse_loss, _mse_batched)
mae = Loss("mae", F.l1_loss, _mae_batched)
huber = Loss("huber", F.huber_loss, _huber_batched)
cross_entropy = Loss("cross-entropy", F.cross_entropy, _cross_entropy_batched, targets="classes")
binary_cross_entropy = Loss(
    "binary-cross-entropy",
    F.binary_cross_entropy_with_logits,
    _binary_cross_entropy_batched,
    targets="shares",
)
hinge = Loss("hinge", _hinge, _hinge_batched, targets="either")
zero_one = Loss("zero-one", _zero_one, _zero_one_batched, differentiable=False, targets="either")

BUILT_IN: dict[str, Loss] = {lazy.name: globals()[lazy.target.partition(":")[2]] for lazy in nogd_losses()}


def _scalar(name: str, function: Callable[[Tensor, Tensor], Any]) -> LossFunction:
    """A loss of the user's own, made to give a scalar tensor for whatever number it gives."""

    def loss(outputs: Any, targets: Tensor) -> Tensor:
        version = targets._version
        value = function(outputs, targets)
        if targets._version != version:
            raise InvalidSetting(
                f"loss {name!r} writes into its targets, which the next candidate is to be compared with; let it work"
                " on targets.clone()."
            )
        like = outputs if isinstance(outputs, Tensor) and outputs.is_floating_point() else None
        dtype = torch.get_default_dtype() if like is None else like.dtype
        if isinstance(value, Tensor) and value.numel() == 1 and not value.is_complex():
            return value.reshape(()) if value.is_floating_point() else value.reshape(()).to(dtype)
        try:
            return torch.tensor(float(value), dtype=dtype, device=targets.device)
        except (TypeError, ValueError, RuntimeError):
            shape = f" of shape {list(value.shape)}" if isinstance(value, Tensor) else f" {value!r:.60}"
            raise InvalidSetting(
                f"loss {name!r} must give one number, but it gave {type(value).__name__}{shape}; take the mean?"
            ) from None

    return loss


def find_loss(loss: str | LossFunction | Loss) -> Loss:
    """The loss of that name (built-in ones first, then those of plugins), or a callable of one's own as a Loss.

    Raises UnknownName with the nearest name.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, type):
        raise InvalidSetting(f"the loss is a class; make one of it: {loss.__name__}().")
    if callable(loss):
        name = getattr(loss, "__name__", type(loss).__name__)
        return Loss(name, _scalar(name, loss), targets="as given")
    if not isinstance(loss, str):
        raise InvalidSetting(
            f"a loss is a name such as 'mse' or a callable (outputs, targets) -> number, not {loss!r:.60}."
        )
    if loss in BUILT_IN:
        return BUILT_IN[loss]
    found = (
        offered("loss").find(loss).load()
    )  # only now: the usual names need no scan of the installed packages
    if isinstance(found, Loss):
        return found
    raise UnknownName(
        f"{loss!r} is registered as a loss, but is not a nogd.Loss; metrics are offered by the hook nogd_metrics."
    )
