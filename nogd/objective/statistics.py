"""The running statistics of batch normalisation and its like: which hold nothing yet, and how to fill them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

NAMES = ("running_mean", "running_var", "num_batches_tracked")


def untracked(module: nn.Module) -> list[nn.Module]:
    """The parts that normalise by running statistics in eval mode and have seen no data yet.

    Told by the statistics as well, since instance normalisation and old checkpoints count no batches.
    """
    return [part for part in module.modules() if _keeps_statistics(part) and _is_new(part)]


def _keeps_statistics(part: nn.Module) -> bool:
    return all(isinstance(part._buffers.get(name), Tensor) for name in NAMES)


def _is_new(part: nn.Module) -> bool:
    mean, variance, batches = (part.get_buffer(name) for name in NAMES)
    return not batches.any() and not mean.any() and bool((variance == 1).all())


@torch.no_grad()
def fill(
    module: nn.Module,
    parts: Sequence[nn.Module],
    batches: Iterable[Tensor],
    call: Callable[[Tensor], object],
) -> None:
    """Let these parts gather their statistics anew over the inputs of all batches, everything else in eval mode.

    Each batch counts alike, as with torch.optim.swa_utils.update_bn. call: calls the module. A batch of one row, of
    which there is no variance, is left out if there are others.
    """
    count, refusal = 0, None
    with _gathering(module, parts):
        for inputs in batches:
            for part in parts:
                if hasattr(part, "momentum"):  # None would mean the same, but not to instance normalisation
                    part.momentum = 1 / (count + 1)  # type: ignore[assignment]
            try:
                call(inputs)
                count += 1
            except ValueError as error:
                if len(inputs) > 1:
                    raise
                refusal = error
    if count == 0 and refusal is not None:
        raise refusal


@contextmanager
def _gathering(module: nn.Module, parts: Sequence[nn.Module]) -> Iterator[None]:
    """These parts alone in training mode and as if new; afterwards all modes and momenta are what they were."""
    modes = [(part, part.training) for part in module.modules()]
    momenta = [(part, part.momentum) for part in parts if hasattr(part, "momentum")]
    try:
        module.eval()
        for part in parts:
            part.training = True
            if callable(reset := getattr(part, "reset_running_stats", None)):
                reset()
        yield
    finally:
        for part, training in modes:
            part.training = training
        for part, momentum in momenta:
            part.momentum = momentum
