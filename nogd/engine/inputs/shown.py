"""The training data as learners may look at them: copies, so that nobody else sees what one of them writes there."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from nogd.engine.network import Network


class Shown:
    """A network's data for a learner, copied when they are first asked for, and watched with the network's own."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._versions = self._own_versions()

    @cached_property
    def inputs(self) -> Tensor:
        """Training inputs `[N, ...]`."""
        return self._network.inputs.clone()

    @cached_property
    def targets(self) -> Tensor:
        """Training targets, as the loss compares them."""
        return self._network.targets.clone()

    def written_into(self) -> str | None:
        """Which of the data were changed since they were shown, if any."""
        for name in ("inputs", "targets"):
            if name in vars(self) and not _same(getattr(self, name), getattr(self._network, name)):
                return name
        return "data" if self._own_versions() != self._versions else None

    def _own_versions(self) -> list[int]:
        """How often each tensor that is scored with was written into, as torch counts it."""
        network = self._network
        own = (network.inputs, network.targets, network.stack_inputs, network.stack_targets)
        return [0 if tensor.is_inference() else tensor._version for tensor in own]


def _same(shown: Tensor, own: Tensor) -> bool:
    """Whether they hold the same; NaN is NaN's equal."""
    return shown.shape == own.shape and bool(((shown == own) | (shown != shown) & (own != own)).all())
