"""Fit a chaotic system to what was seen of it: a gradient that explodes on its way back through time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from nogd import Dataset, SupervisedTask

NOISE, TIME_STEP = 0.01, 0.05
GROWTH, BEGIN = 3.8, 0.3
SIGMA, RHO, BETA, PLACE = 10.0, 28.0, 8 / 3, (0.1, 0.1, -0.2)

Steps = Annotated[int, Field(ge=20, le=1_000, description="steps of the path, each of which is an example")]


def logistic_path(growth: Tensor, begin: Tensor, steps: int) -> Tensor:
    """The numbers `[steps, 1]` of x -> growth x (1 - x) from `begin` on; both `[1]` (May 1976)."""
    path = [begin]
    for _ in range(steps - 1):
        path.append(growth * path[-1] * (1 - path[-1]))
    return torch.stack(path)


def lorenz_path(sigma: Tensor, rho: Tensor, beta: Tensor, begin: Tensor, steps: int) -> Tensor:
    """Places `[steps, 3]` of Lorenz's equations (1963), 0.05 apart, by the Runge-Kutta method; units: (10, 10, 25).

    The third coordinate is counted from 25. The rates are `[1]` each, begin is `[3]`.
    """

    def slopes(place: Tensor) -> Tensor:
        x, y, z = place.split(1)
        return torch.cat([sigma * (y - x), x * (rho - 25 - 25 * z) - y, (4 * x * y - beta * (1 + z))])

    path = [begin]
    for _ in range(steps - 1):
        now = path[-1]
        first = slopes(now)
        second = slopes(now + TIME_STEP / 2 * first)
        third = slopes(now + TIME_STEP / 2 * second)
        path.append(now + TIME_STEP / 6 * (first + 2 * second + 2 * third + slopes(now + TIME_STEP * third)))
    return torch.stack(path)


@dataclass(frozen=True)
class LogisticData(Dataset):
    """The first numbers of x -> 3.8 x (1 - x) from 0.3 on, with a little noise."""

    name: ClassVar[str] = "logistic-map"
    steps: int = 20

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[steps, 1]`, which number of the path; targets `[steps, 1]`."""
        return _seen(logistic_path(torch.tensor([GROWTH]), torch.tensor([BEGIN]), self.steps))


@dataclass(frozen=True)
class LorenzData(Dataset):
    """Places on a path of Lorenz's equations, 0.05 apart and of about unit size, with a little noise."""

    name: ClassVar[str] = "lorenz"
    steps: int = 40

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[steps, 1]`, which place of the path; targets `[steps, 3]`."""
        sigma, rho, beta = (torch.tensor([each]) for each in (SIGMA, RHO, BETA))
        return _seen(lorenz_path(sigma, rho, beta, torch.tensor(PLACE), self.steps))


def _seen(path: Tensor) -> tuple[Tensor, Tensor]:
    noise = NOISE * torch.randn(path.shape, generator=Generator().manual_seed(len(path)))
    return torch.arange(float(len(path)))[:, None], path + noise


class LogisticPath(nn.Module):
    """The path that a growth and a beginning lead to."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.growth, self.begin = _drawn(LogisticMap.bounds["growth"]), _drawn(LogisticMap.bounds["begin"])

    def forward(self, numbers: Tensor) -> Tensor:
        """Numbers of the path `[N, 1]`, from which ones `[N, 1]`."""
        return logistic_path(self.growth, self.begin, self.steps)[numbers[:, 0].long()]


class LorenzPath(nn.Module):
    """The path that three rates and a beginning lead to."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.sigma, self.rho, self.beta = (_drawn(Lorenz.bounds[name]) for name in ("sigma", "rho", "beta"))
        self.begin = _drawn(Lorenz.bounds["begin"], 3)

    def forward(self, numbers: Tensor) -> Tensor:
        """Places `[N, 3]`, from which ones of the path `[N, 1]`."""
        path = lorenz_path(self.sigma, self.rho, self.beta, self.begin, self.steps)
        return path[numbers[:, 0].long()]


def _drawn(box: Sequence[float], size: int = 1) -> nn.Parameter:
    return nn.Parameter(torch.empty(size).uniform_(*box))


class _Path(SupervisedTask):
    """What both have in common: nothing is standardised, as time is counted in steps."""

    loss: ClassVar[str] = "mse"
    metric: ClassVar[str] = "r2"
    standardise: ClassVar[tuple[str, ...]] = ()
    default: ClassVar[bool] = False
    tags: ClassVar[frozenset[str]] = frozenset({"hard-gradient", "regression"})


class LogisticMap(_Path):
    """The growth and the beginning of a logistic map, from 20 steps of it; all examples, and no split."""

    name: ClassVar[str] = "logistic-map"
    why: ClassVar[str] = "Two parameters, and a loss with more valleys the longer the path is."
    dataset: ClassVar[type[Dataset]] = LogisticData
    split: ClassVar[None] = None
    bounds: ClassVar[dict[str, tuple[float, float]]] = {"growth": (3.5, 4.0), "begin": (0.05, 0.95)}
    steps: Steps = 20

    def data(self) -> Dataset:
        return LogisticData(self.steps)

    def network(self) -> nn.Module:
        """No layers: a formula, unrolled."""
        return LogisticPath(self.steps)


class Lorenz(_Path):
    """The rates and the beginning of Lorenz's equations, from 24 places on a path of 40 steps."""

    name: ClassVar[str] = "lorenz"
    why: ClassVar[str] = "Differential equations, unrolled: what is wrong at the start grows a hundredfold."
    dataset: ClassVar[type[Dataset]] = LorenzData
    bounds: ClassVar[dict[str, tuple[float, float]]] = {
        "sigma": (5.0, 15.0), "rho": (20.0, 36.0), "beta": (1.0, 4.0), "begin": (-1.0, 1.0),
    }  # fmt: skip
    steps: Steps = 40

    def data(self) -> Dataset:
        return LorenzData(self.steps)

    def network(self) -> nn.Module:
        """No layers: equations, unrolled."""
        return LorenzPath(self.steps)
