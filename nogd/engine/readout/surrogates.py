"""Which loss the last layer is solved for, and the targets that it is solved for."""

from __future__ import annotations

from typing import get_args

import torch.nn.functional as F
from torch import Tensor

from nogd.engine.losses import BUILT_IN, Loss
from nogd.engine.readout.solving import Kind
from nogd.errors import InvalidSetting, did_you_mean

KINDS: tuple[Kind, ...] = get_args(Kind)
_OF_NUMBERS = {"mae", "huber"}
_OF_CLASSES = {"hinge", "zero-one"}


def surrogate_for(loss: Loss, asked: str | None, targets: Tensor) -> Kind:
    """The loss to solve for: the one that was asked for, or the loss itself, or what stands for it."""
    found = asked or _usual(loss, targets)
    if found not in KINDS:
        raise InvalidSetting(
            f"a readout cannot be solved for {found!r}{did_you_mean(found, KINDS)}; choose surrogate= one of"
            f" {', '.join(KINDS)}."
        )
    if (found == "cross-entropy") is targets.is_floating_point() and found != "mse":
        what = "class numbers" if found == "cross-entropy" else "numbers, one for each output"
        raise InvalidSetting(f"surrogate {found!r} needs targets that are {what}, and these are others.")
    return found


def is_own(kind: Kind, loss: Loss) -> bool:
    """Whether that kind is the objective's own loss."""
    return _is(loss, kind)


def solved_for(kind: Kind, loss: Loss, targets: Tensor, outputs: int) -> Tensor:
    """Targets `[out, N]`, float64, or class numbers `[N]`, for that kind, from those of the loss."""
    if kind == "cross-entropy":
        return targets
    if not targets.is_floating_point():
        return F.one_hot(targets, outputs).T.double()
    if kind == "binary-cross-entropy" and not _is(loss, "binary-cross-entropy"):
        return (targets > 0).T.double()
    return targets.T.double()


def _usual(loss: Loss, targets: Tensor) -> str:
    if _is(loss, *_OF_NUMBERS):
        return "mse"
    if _is(loss, *_OF_CLASSES):
        return "binary-cross-entropy" if targets.is_floating_point() else "cross-entropy"
    if _is(loss, *KINDS):
        return loss.name
    raise InvalidSetting(
        f"a readout is not solved for the loss {loss.name!r}, which is none of nogd's own; choose the one that stands"
        f" for it by surrogate=, of {', '.join(KINDS)}."
    )


def _is(loss: Loss, *names: str) -> bool:
    return loss.name in names and BUILT_IN.get(loss.name) is loss
