"""Directions of probes in the parameters before the last layer, or in all of them where none can be solved."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from nogd.engine.candidates.subspace import Subspace
from nogd.engine.layers.units import HiddenUnit
from nogd.engine.objective import Objective
from nogd.errors import InvalidSetting


@dataclass(frozen=True)
class Directions:
    """What probes may change: the first `size` coordinates of theta.

    readout: whether the last layer lies behind them, and its derivatives are had without a probe. units: the hidden
    units, where they are known.
    """

    size: int
    readout: bool
    units: tuple[HiddenUnit, ...]

    @classmethod
    def of(cls, objective: Objective) -> Directions:
        """Those of this objective."""
        if "readout" not in objective.features:
            return cls(objective.D, False, ())
        try:
            last = objective.last_layer
        except InvalidSetting:  # it does not lie in one piece
            return cls(objective.D, False, objective.units)
        if last.stop != objective.D or last.start == 0:
            return cls(objective.D, False, objective.units)
        return cls(last.start, True, objective.units)

    @property
    def within(self) -> slice:
        """The coordinates that probes change."""
        return slice(0, self.size)

    def hidden(self, move: Tensor) -> Tensor:
        """The part of a move of theta that probes can make."""
        return move[: self.size].clone()

    def single(self, theta: Tensor, places: Tensor, last: Tensor | None, radius: float) -> Subspace:
        """A probe along each of these coordinates, the latest step in place of the last one."""
        chosen = theta.new_zeros(len(places), self.size)
        chosen[torch.arange(len(places)), places] = 1.0
        if last is not None and len(places) > 1:
            chosen[-1] = torch.nn.functional.normalize(last, dim=0)
        return Subspace(theta, chosen, radius, within=self.within)

    def normal(
        self, theta: Tensor, count: int, last: Tensor | None, radius: float, rng: Generator
    ) -> Subspace:
        """Probes along normal directions that are never stored, and along the latest step."""
        length = math.sqrt(self.size)
        given = None
        if last is not None and count > 1:
            given, count = length * torch.nn.functional.normalize(last, dim=0)[None], count - 1
        seeds = torch.randint(2**62, (count,), generator=rng, device=rng.device).tolist()
        return Subspace(theta, given, radius / length, seeds=tuple(seeds), within=self.within)
