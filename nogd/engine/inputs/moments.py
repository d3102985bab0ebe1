"""Number, mean and variance of what networks are shown, feature by feature."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Moments:
    """Of all inputs that were added, in float64, whatever the order and the portions; nothing is kept of the inputs.

    :ivar count: their number.
    :ivar mean: of each feature, `[features]`; empty before the first.
    :ivar variance: of each feature, the mean squared distance from the mean.

    Source: Chan, Golub and LeVeque 1983, doi 10.1080/00031305.1983.10483115.
    """

    count: int
    mean: Tensor
    variance: Tensor

    @classmethod
    def none(cls) -> Moments:
        """Of no inputs."""
        empty = torch.empty(0, dtype=torch.float64)
        return cls(0, empty, empty)

    def add(self, inputs: Tensor) -> None:
        """Count inputs `[..., features]` in."""
        rows = inputs.detach().reshape(-1, inputs.shape[-1]).to(torch.float64)
        if len(rows):
            variance, mean = torch.var_mean(rows, dim=0, correction=0)
            self.merge(Moments(len(rows), mean, variance))

    def merge(self, other: Moments) -> None:
        """Count in what another has counted."""
        if not self.count or not other.count:
            if other.count:
                self.count, self.mean, self.variance = other.count, other.mean, other.variance
            return
        count = self.count + other.count
        part, shift = other.count / count, other.mean - self.mean
        self.variance = self.variance.lerp(other.variance, part) + part * (1 - part) * shift.square()
        self.mean = self.mean + part * shift
        self.count = count
