"""Six tasks that no rule or default was chosen by, and that nobody looked at before they were run: generated data.

Three networks with a gradient and three without. Nothing about a learner was changed after the first run.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from nogd_images.networks import Sign, Staircase
from sklearn import datasets
from torch import Generator, Tensor, nn

import nogd
from nogd import Dataset, SupervisedTask

EXAMPLES = 800


class HastieData(Dataset):
    """Ten normal inputs; the class is whether their squares add up to more than 9.34 (Hastie et al. 2009, 10.2)."""

    name: ClassVar[str] = "hastie-10-2"

    def load(self) -> tuple[Tensor, Tensor]:
        inputs, sides = datasets.make_hastie_10_2(EXAMPLES, random_state=11)
        return torch.as_tensor(inputs).float(), torch.as_tensor(sides > 0).float()[:, None]


class ArmData(Dataset):
    """Where the hand of a flat arm with three joints is, by their angles."""

    name: ClassVar[str] = "robot-arm"

    def load(self) -> tuple[Tensor, Tensor]:
        rng = Generator().manual_seed(12)
        angles = torch.pi * (torch.rand(EXAMPLES, 3, generator=rng) - 0.5)
        along, lengths = angles.cumsum(1), torch.tensor([1.0, 0.7, 0.4])
        hand = torch.stack([(along.cos() * lengths).sum(1), (along.sin() * lengths).sum(1)], 1)
        return angles, hand + 0.02 * torch.randn(hand.shape, generator=rng)


class WavesData(Dataset):
    """Which of three waveforms, mixed and with noise, 21 measurements show (Breiman et al. 1984)."""

    name: ClassVar[str] = "waveforms"

    def load(self) -> tuple[Tensor, Tensor]:
        rng = Generator().manual_seed(13)
        places = torch.arange(1.0, 22.0)
        waves = torch.stack([(6 - (places - middle).abs()).clamp_min(0) for middle in (11, 15, 7)])
        which = torch.randint(3, (EXAMPLES,), generator=rng)
        share = torch.rand(EXAMPLES, 1, generator=rng)
        mixed = share * waves[which] + (1 - share) * waves[(which + 1) % 3]
        return mixed + torch.randn(mixed.shape, generator=rng), which


class _Sealed(SupervisedTask):
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    default: ClassVar[bool] = False
    tags: ClassVar[frozenset[str]] = frozenset({"sealed"})


class Hastie(_Sealed):
    """Inside or outside of a ball in ten dimensions."""

    name: ClassVar[str] = "sealed-ball"
    why: ClassVar[str] = "A closed surface that no input alone tells of."
    dataset: ClassVar[type[Dataset]] = HastieData
    loss: ClassVar[str] = "binary-cross-entropy"
    metric: ClassVar[str] = "accuracy"

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(10, 24), nn.Tanh(), nn.Linear(24, 1))


class Arm(_Sealed):
    """The hand's place by the angles of the joints."""

    name: ClassVar[str] = "sealed-arm"
    why: ClassVar[str] = "A smooth function with two outputs, by two hidden layers."
    dataset: ClassVar[type[Dataset]] = ArmData
    loss: ClassVar[str] = "mse"
    metric: ClassVar[str] = "r2"

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(3, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 2))


class Waves(_Sealed):
    """The waveform by its measurements."""

    name: ClassVar[str] = "sealed-waves"
    why: ClassVar[str] = "More inputs than matter, and classes that overlap."
    dataset: ClassVar[type[Dataset]] = WavesData
    loss: ClassVar[str] = "cross-entropy"
    metric: ClassVar[str] = "accuracy"

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(21, 16), nn.ReLU(), nn.Linear(16, 3))


class HastieSign(Hastie):
    """The ball by planes."""

    name: ClassVar[str] = "sealed-ball-sign"
    why: ClassVar[str] = "Signs, and the share of errors as the loss."
    loss: ClassVar[str] = "zero-one"
    differentiable: ClassVar[bool] = False

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(10, 24), Sign(surrogate=False), nn.Linear(24, 1))


class ArmStaircase(Arm):
    """The arm by units of five levels."""

    name: ClassVar[str] = "sealed-arm-staircase"
    why: ClassVar[str] = "A smooth function by two hidden layers of steps."
    differentiable: ClassVar[bool] = False

    def network(self) -> nn.Module:
        return nn.Sequential(
            nn.Linear(3, 24),
            Staircase(surrogate=False),
            nn.Linear(24, 24),
            Staircase(surrogate=False),
            nn.Linear(24, 2),
        )


class WavesSign(Waves):
    """The waveform by planes."""

    name: ClassVar[str] = "sealed-waves-sign"
    why: ClassVar[str] = "Signs with cross-entropy."
    differentiable: ClassVar[bool] = False

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(21, 16), Sign(surrogate=False), nn.Linear(16, 3))


@nogd.hookimpl
def nogd_tasks() -> tuple[type[SupervisedTask], ...]:
    """For `nogd run --plugin experiments/outputs/sealed.py`."""
    return (Hastie, Arm, Waves, HastieSign, ArmStaircase, WavesSign)
