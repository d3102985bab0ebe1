"""The training data as learners may look at them: copies, so that nobody else sees what one of them writes there."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from nogd.engine.network import Network
from nogd.engine.several import Inputs, Tree, gathered, parts_of, plain


class Shown:
    """A network's data for a learner, copied when they are first asked for, and watched with the network's own."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._versions = self._own_versions()

    @cached_property
    def inputs(self) -> Tree:
        """Training inputs `[N, ...]`, of a module that takes several a tuple or a dict."""
        return plain(self._network.inputs.clone())

    @cached_property
    def targets(self) -> Tensor:
        """Training targets, as the loss compares them."""
        return self._network.targets.clone()

    def written_into(self) -> str | None:
        """Which of the data were changed since they were shown, if any."""
        own = {"inputs": self._network.inputs, "targets": self._network.targets}
        for name, data in own.items():
            if name in vars(self) and not _same(gathered(getattr(self, name)), data):
                return name
        return "data" if self._own_versions() != self._versions else None

    def _own_versions(self) -> list[int]:
        """How often each tensor that is scored with was written into, as torch counts it."""
        network = self._network
        own = (
            *parts_of(network.inputs).values(),
            network.targets,
            network.stack_inputs,
            network.stack_targets,
        )
        return [0 if tensor.is_inference() else tensor._version for tensor in own]


def _same(shown: Inputs, own: Inputs) -> bool:
    """Whether they hold the same; NaN is NaN's equal."""
    pairs = zip(parts_of(shown).values(), parts_of(own).values(), strict=True)
    return all(
        one.shape == other.shape and bool(((one == other) | (one != one) & (other != other)).all())
        for one, other in pairs
    )
