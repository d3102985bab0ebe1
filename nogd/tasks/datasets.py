"""The built-in data sets: scikit-learn's own files, and two that are generated. Nothing is downloaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from nogd.problem.task import Dataset
from nogd.seeds import derive
from nogd.tasks.files import Numbers, bundled


class Diabetes(Dataset):
    """442 patients, 10 measurements, and how far diabetes advanced in a year (Efron et al., 2004)."""

    name: ClassVar[str] = "diabetes"

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[442, 10]`, scaled as scikit-learn gives them; targets `[442, 1]`, from 25 to 346."""
        return _column(bundled("diabetes"))


class BreastCancer(Dataset):
    """569 tumours, malignant (0) or benign (1), by 30 measurements of cell nuclei (Street et al., 1993)."""

    name: ClassVar[str] = "breast-cancer"

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[569, 30]`; targets `[569, 1]` in {0, 1}."""
        return _column(bundled("breast_cancer"))


class Wine(Dataset):
    """178 wines of three growers, with 13 chemical measurements (Aeberhard and Forina, 1991)."""

    name: ClassVar[str] = "wine"

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[178, 13]`; targets int64 `[178]` in {0, 1, 2}."""
        return _classes(bundled("wine"))


class Iris(Dataset):
    """150 irises of three species, four lengths each (Fisher, 1936)."""

    name: ClassVar[str] = "iris"

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[150, 4]` in cm; targets int64 `[150]` in {0, 1, 2}."""
        return _classes(bundled("iris"))


class Digits(Dataset):
    """1,797 handwritten digits, 8 x 8 pixels (Alpaydin and Kaynak, 1998)."""

    name: ClassVar[str] = "digits"

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[1797, 64]`, grey levels brought from 0..16 to 0..1; targets int64 `[1797]` from 0 to 9."""
        inputs, targets = _classes(bundled("digits"))
        return inputs / 16, targets


class TwoSpirals(Dataset):
    """Two interleaved spirals with a little noise, 200 points each (after Lang and Witbrock, 1988)."""

    name: ClassVar[str] = "two-spirals"
    points: ClassVar[int] = 200
    turns: ClassVar[float] = 1.5
    noise: ClassVar[float] = 0.02

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[400, 2]` about the unit disc; targets `[400, 1]` in {0, 1}."""
        generator = torch.Generator().manual_seed(derive("dataset", self.name))
        # The square root spreads the points evenly along the spiral's length.
        radius = torch.rand(self.points, generator=generator).sqrt()
        angle = 2 * math.pi * self.turns * radius
        arm = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
        inputs = torch.cat([arm, -arm])
        inputs = inputs + self.noise * torch.randn(inputs.shape, generator=generator)
        return inputs, torch.arange(2.0).repeat_interleave(self.points).reshape(-1, 1)


@dataclass(frozen=True)
class Parity(Dataset):
    """All rows of some bits, and whether an odd number of them is set."""

    name: ClassVar[str] = "parity"
    bits: int = 8

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[2**bits, bits]` in {-1, 1}; targets `[2**bits, 1]` in {0, 1}."""
        rows = torch.cartesian_prod(*[torch.arange(2)] * self.bits)
        return rows.float() * 2 - 1, (rows.sum(dim=1, keepdim=True) % 2).float()


def _column(arrays: tuple[Numbers, Numbers]) -> tuple[Tensor, Tensor]:
    """Inputs, and targets as one float column."""
    inputs, targets = arrays
    return torch.as_tensor(inputs).float(), torch.as_tensor(targets).float().reshape(-1, 1)


def _classes(arrays: tuple[Numbers, Numbers]) -> tuple[Tensor, Tensor]:
    """Inputs, and targets as classes."""
    inputs, targets = arrays
    return torch.as_tensor(inputs).float(), torch.as_tensor(targets).long()
