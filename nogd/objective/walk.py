"""Walk along coordinates from one theta: who scores the values that one coordinate takes."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from nogd.objective.compiled import CompiledTracks, compilable
from nogd.objective.line import StackTracks
from nogd.objective.minimum import Chain
from nogd.objective.network import Network


class Tracks(Protocol):
    """What a walk keeps about its theta; a pure function of theta, so that a rebuilt one gives the same bits."""

    def losses(self, index: int, values: Tensor) -> Tensor:
        """Losses `[G]` with coordinate `index` at each of the values `[G]`."""

    def moved(self, index: int) -> None:
        """Coordinate `index` of theta has been changed."""

    def flops(self, index: int, count: int) -> float:
        """Arithmetic of scoring that many values of the coordinate."""

    def chain(self, index: int) -> Chain | None:
        """What the coordinate does to the residuals where the loss is piecewise a parabola in it, else None."""


class Scorer(Protocol):
    """Whatever scores whole candidates."""

    def losses(self, thetas: Tensor) -> Tensor:
        """Losses of thetas `[P, D]`, as `[P]`."""


class DenseTracks:
    """Keeps nothing: every value is a whole forward pass."""

    def __init__(self, theta: Tensor, scorer: Scorer, flops_of_forward: float) -> None:
        self._theta, self._scorer, self._flops = theta, scorer, flops_of_forward

    def losses(self, index: int, values: Tensor) -> Tensor:
        thetas = self._theta.repeat(len(values), 1)
        thetas[:, index] = values
        return self._scorer.losses(thetas)

    def moved(self, index: int) -> None:
        """Nothing is kept, so nothing changes."""

    def flops(self, index: int, count: int) -> float:
        return self._flops * count

    def chain(self, index: int) -> Chain | None:
        return None


def tracks_for(network: Network, theta: Tensor, flops_of_forward: float) -> Tracks:
    """The cheapest tracks that this network allows."""
    if network.stack is None or network.loss.batched is None:
        return DenseTracks(theta, network, flops_of_forward)
    kind = CompiledTracks if compilable(theta) else StackTracks
    return kind(theta, network.stack, network.stack_inputs, network.stack_targets, network.loss)
