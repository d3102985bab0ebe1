"""Losses in which examples have weights: they travel in the targets, so that a mini-batch has those of its rows."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nogd.engine.losses import Loss
from nogd.errors import InvalidSetting

_EACH: dict[str, Callable[..., Tensor]] = {
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
    "cross-entropy": F.cross_entropy,
    "binary-cross-entropy": F.binary_cross_entropy_with_logits,
}


def weighted(loss: Loss) -> Loss:
    """The mean of each example's loss times its weight, for targets that `with_weights` gives.

    Raises InvalidSetting for a loss that is not known example by example.
    """
    if loss.name not in _EACH:
        raise InvalidSetting(
            f"sample_weight needs a loss that is known example by example ({', '.join(_EACH)}), not {loss.name!r}."
        )
    each, of_classes = _EACH[loss.name], loss.targets == "classes"

    def mean(outputs: Tensor, targets: Tensor) -> Tensor:
        values = targets[:, 0].long() if of_classes else targets[:, :-1]
        losses = each(outputs, values, reduction="none")
        return ((losses if of_classes else losses.mean(1)) * targets[:, -1]).mean()

    return Loss(f"weighted-{loss.name}", mean, targets="as given")


def with_weights(targets: Tensor, weights: Tensor) -> Tensor:
    """Targets `[N]` or `[N, k]` with a last column of weights `[N]`."""
    return torch.cat([targets.reshape(len(targets), -1).to(weights.dtype), weights[:, None]], 1)
