"""Which loss is followed at the outputs in place of the objective's own, and the targets that belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor

from nogd.engine.losses import BUILT_IN, Loss
from nogd.errors import InvalidSetting, did_you_mean

Kind = Literal["mse", "binary-cross-entropy", "cross-entropy"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_OF_NUMBERS = {"mae", "huber"}
_OF_CLASSES = {"hinge", "zero-one"}


@dataclass(frozen=True)
class Followed:
    """The loss that is followed at the outputs. own: the objective's, which is the same if none stands for it."""

    loss: Loss
    own: Loss

    @property
    def is_own(self) -> bool:
        """Whether that is the objective's own loss."""
        return self.loss is self.own

    def targets(self, targets: Tensor, outputs: Tensor) -> Tensor:
        """Its targets for such outputs `[N, ...]`, from those that the own loss compares with them."""
        if self.is_own:
            return targets
        kind = next(kind for kind in KINDS if kind == self.loss.name)
        wanted = _wanted(kind, self.own, targets, outputs.shape[-1])
        return self.loss.fit_targets(
            wanted.to(outputs.dtype) if wanted.is_floating_point() else wanted, outputs
        )


def followed(loss: Loss, asked: str | None, targets: Tensor) -> Followed:
    """The loss itself, or the one that was asked for."""
    return Followed(loss if asked is None else BUILT_IN[surrogate_for(loss, asked, targets)], loss)


def surrogate_for(loss: Loss, asked: str | None, targets: Tensor) -> Kind:
    """The loss to solve for: the one that was asked for, or the loss itself, or what stands for it."""
    found = asked or _usual(loss, targets)
    if found not in KINDS:
        raise InvalidSetting(f"surrogate {found!r} is none of {', '.join(KINDS)}{did_you_mean(found, KINDS)}")
    if (found == "cross-entropy") is targets.is_floating_point() and found != "mse":
        what = "class numbers" if found == "cross-entropy" else "numbers, one for each output"
        raise InvalidSetting(f"surrogate {found!r} needs targets that are {what}, and these are others.")
    return found


def is_own(kind: Kind, loss: Loss) -> bool:
    """Whether that kind is the objective's own loss."""
    return _is(loss, kind)


def solved_for(kind: Kind, loss: Loss, targets: Tensor, outputs: int) -> Tensor:
    """Targets `[out, N]`, float64, or class numbers `[N]`, for that kind, from those of the loss."""
    wanted = _wanted(kind, loss, targets, outputs)
    return wanted if kind == "cross-entropy" else wanted.T.double()


def _wanted(kind: Kind, loss: Loss, targets: Tensor, outputs: int) -> Tensor:
    if kind == "cross-entropy":
        return targets
    if not targets.is_floating_point():
        return F.one_hot(targets, outputs).double()
    if kind == "binary-cross-entropy" and not _is(loss, "binary-cross-entropy"):
        return (targets > 0).double()
    return targets


def _usual(loss: Loss, targets: Tensor) -> str:
    if _is(loss, *_OF_NUMBERS):
        return "mse"
    if _is(loss, *_OF_CLASSES):
        return "binary-cross-entropy" if targets.is_floating_point() else "cross-entropy"
    if _is(loss, *KINDS):
        return loss.name
    raise InvalidSetting(
        f"nothing is known to stand for the loss {loss.name!r}, which is none of nogd's own; choose the one that"
        f" stands for it by surrogate=, of {', '.join(KINDS)}."
    )


def _is(loss: Loss, *names: str) -> bool:
    return loss.name in names and BUILT_IN.get(loss.name) is loss
