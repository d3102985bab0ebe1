"""The running statistics of batch normalisation and its like: which hold nothing yet, and how to fill them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from nogd.engine.several import Inputs
from nogd.errors import InvalidSetting

NAMES = ("running_mean", "running_var", "num_batches_tracked")


def untracked(module: nn.Module) -> list[nn.Module]:
    """The parts that normalise by running statistics in eval mode and have seen no data yet.

    Told by the statistics as well, since instance normalisation and old checkpoints count no batches.
    """
    return [part for part in module.modules() if _is_new(part)]


def _is_new(part: nn.Module) -> bool:
    own = dict(part.named_buffers(recurse=False))  # which scripted modules have too
    if not all(name in own for name in NAMES):
        return False
    mean, variance, batches = (own[name] for name in NAMES)
    return not batches.any() and not mean.any() and bool((variance == 1).all())


@torch.no_grad()
def fill(
    module: nn.Module,
    parts: Sequence[nn.Module],
    batches: Iterable[Inputs],
    call: Callable[[Inputs], object],
) -> None:
    """Let these parts gather their statistics anew over the inputs of all batches, everything else in eval mode.

    Each batch counts alike, as with torch.optim.swa_utils.update_bn. call: calls the module. A batch of one row, of
    which there is no variance, is left out if there are others. Raises InvalidSetting for scripted parts.
    """
    _refuse_scripted(parts)
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


def _refuse_scripted(parts: Sequence[nn.Module]) -> None:
    """The momentum of a scripted part is a constant, so that no average over batches can be made with it."""
    if any(isinstance(part, torch.jit.ScriptModule) for part in parts):
        raise InvalidSetting(
            "the module holds scripted batch normalisation that has seen no data, and its running statistics cannot be"
            " gathered; give the module that it was scripted from, or script it after a pass in training mode."
        )


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
